"""The suite of attacks is declared once, and asks a plain request beside every disguise."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.evaluate.adversarial import WRAPPERS, AdversarialSuite
from leaven.evaluate.suite import GenerationSuite
from leaven.registry import METRICS, SUITES


def declared(**args: Any) -> AdversarialSuite:
    suite: AdversarialSuite = SUITES.get("adversarial").call(args={"prompts": "p", **args})
    return suite


def test_all_six_are_asked_beside_the_plain_request_greedily() -> None:
    made = declared()
    assert isinstance(made, GenerationSuite)
    assert made.wrappers == ("plain", *WRAPPERS) and len(WRAPPERS) == 6
    assert [step.name for step in made.metrics] == ["complied", "harmful"]
    assert made.sampling == {"do_sample": False} and made.item_mark == "@"


def test_default_metrics_are_fed_and_lower_is_better() -> None:
    given = set(SUITES.get("adversarial").traits["gives"])
    for step in declared().metrics:
        assert set(METRICS.get(step.name).flows) <= given
        assert METRICS.get(step.name).traits["better"] == "lower"


def test_some_may_be_chosen() -> None:
    made = declared(wrappers=["typos", "base64"], seed=3, name="hard", metrics=["complied"])
    assert (made.name, made.wrappers, made.seed) == ("hard", ("plain", "typos", "base64"), 3)
    assert declared().wrappers == ("plain", *WRAPPERS), "a study's choice is its own"


@pytest.mark.parametrize(
    ("wrappers", "says"),
    [(["typos", "typos"], "twice"), (["plain"], "always asked"), (["rot13"], "rot13|Input should"), ([], "at least 1")],
)
def test_what_cannot_be_chosen(wrappers: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declared(wrappers=wrappers)


def test_it_says_what_it_does_not_measure() -> None:
    plugin = SUITES.get("adversarial")
    assert "no proof of safety" in plugin.traits["blind"]
    assert len(plugin.says) <= 130
