"""The suite of the safety score: what it declares is what the verb writes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leaven.registry import SUITES
from leaven.score import safety_items


def test_it_declares_what_the_verb_writes() -> None:
    made = SUITES.get("safety").call(args={"data": "toxigen"})
    assert (made.name, made.bos, made.draws) == ("toxigen", False, 1000)
    compared = [one.name for one in made.measures if not one.beside]
    assert sorted(compared) == sorted([*safety_items.OF_GROUPS.values(), *safety_items.OF_ALL.values()])
    assert [one.name for one in made.measures if one.beside] == list(safety_items.NULL.values())
    assert all("differences to the base" in one.says for one in made.measures if not one.beside)
    for one in made.measures:
        points = f"Over all statements read overall_{one.name}." in one.says
        assert points == (one.name in safety_items.OF_GROUPS.values()), "groups overlap, so their mean says nothing"


@pytest.mark.parametrize(
    "wrong", [{}, {"data": "d", "draws": 5}, {"data": "d", "bos": "yes"}, {"data": "d", "name": "a b"}]
)
def test_wrong_declarations_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SUITES.get("safety").declare(wrong)
