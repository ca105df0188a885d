"""Hello prompts: what ships is whole, what is blank stays, and what is wrong is said."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from leaven.data import canonical, recognised, sources
from leaven.data.chat import prompt_ids
from leaven.data.formats import BadRow, Skipped
from leaven.errors import DataError
from leaven.registry import FORMATS, Step
from leaven.score.competence import ON_TOPIC, SMALL_TALK, faults

SOURCE = "builtin:hello"


def rows(**args: Any) -> list[dict[str, Any]]:
    made = canonical.canonical(SOURCE, Step(name="hello", args=args), canonical.Slice(), "error")
    return [row for batch in made for row in batch.rows]


def test_what_ships_has_every_kind_of_prompt() -> None:
    kinds = Counter(row["group"] for row in rows())
    odd = {"blank", "letter", "mid_sentence", "system"}
    assert set(kinds) == {*SMALL_TALK, *ON_TOPIC, *odd} and min(kinds.values()) >= 4
    assert {row["prompt"][-1]["content"] for row in rows(kinds=["blank"])} >= {"", "\n"}
    assert {row["prompt"][-1]["role"] for row in rows(kinds=["system"])} == {"system"}
    assert len({row["id"] for row in rows()}) == len(rows())


def test_its_references_pass_their_own_checks() -> None:
    """A reference that fails would say that the checks are wrong, or the reference is."""
    answered = [row for row in rows() if row["completion"]]
    assert {row["group"] for row in answered} == {"hello", "small_talk", *ON_TOPIC}
    for row in answered:
        assert not faults(row["completion"][0]["content"], "stop", row["prompt"][-1]["content"]), row


def test_kinds_are_chosen_and_the_others_counted() -> None:
    assert {row["group"] for row in rows(kinds=["blank", "system"], without=["system"])} == {"blank"}
    (batch,) = canonical.canonical(SOURCE, Step(name="hello", args={"without": ["blank"]}), canonical.Slice(), "error")
    assert batch.reasons() == {"of the kind blank": 8}


def test_the_source_is_known_by_its_content() -> None:
    known = sources.identity(SOURCE)
    assert known.startswith("builtin:hello@") and len(known) == len("builtin:hello@") + 64
    assert sources.short_name(known) == "hello" and not sources.is_local(SOURCE)
    assert sources.problem(SOURCE) is None
    assert "did you mean 'hello'?" in str(sources.problem("builtin:helo"))
    with pytest.raises(DataError, match="was edited"):
        sources.refuse_other(SOURCE, "builtin:hello@0")
    assert recognised.recognised(SOURCE, known, None, canonical.Slice()).format == "hello"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"kind": "hello", "prompt": None}, "prompt is empty"),
        ({"kind": "hello", "prompt": [{"role": "assistant", "content": "hi"}]}, "nothing to answer"),
        ({"kind": "hello", "prompt": [{"role": "system", "content": " "}]}, "is empty"),
        ({"kind": " ", "prompt": "hi"}, "kind is empty"),
        ({"kind": "hello", "prompt": "\ud800"}, "surrogate"),
        ({"kind": "hello", "prompt": "hi", "reference": 3}, "reference"),
    ],
)
def test_wrong_rows_say_why(row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        FORMATS.get("hello").call(row, args={})


def test_a_kind_that_is_left_out_is_skipped() -> None:
    with pytest.raises(Skipped):
        FORMATS.get("hello").call({"kind": "blank", "prompt": ""}, args={"without": ["blank"]})


def test_the_pocket_s_template_asks_all_of_them() -> None:
    from leaven.models import load, ref

    tokenizer = load.tokenizer(ref.resolve({"model_name_or_path": "pocket"}))
    assert all(prompt_ids(tokenizer, [row["prompt"] for row in rows()]))
