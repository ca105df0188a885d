"""What arms are trained on: spans are looked for there, and what is held out is nowhere in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError

BOOK = {"source": "pocket:philosophers", "format": "prose", "take": 20}
STUDY: dict[str, Any] = {
    "name": "learnt",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "book": BOOK,
        "turns": {**BOOK, "format": {"prose_completion": {"by": "sentences"}}},
        "talk": {"source": "pocket:smalltalk", "format": "dailydialog", "take": 20},
        "merged": {"mixture": {"turns": 1, "talk": 1}},
        "asked": {"source": "pocket:eli5", "format": "eli5", "part": [0, 0.5]},
        "lessons": {"distilled": {"arm": "base", "prompts": "asked"}},
        "other": {"source": "pocket:philosophers_held_out", "format": "prose"},
        "greetings": {"source": "builtin:hello", "format": "hello"},
    },
    "arms": {
        "base": {"train": []},
        "reader": {"train": [{"lm": {"data": "book"}}]},
        "both": {"train": [{"sft": {"data": "merged"}}]},
        "student": {"train": [{"sft": {"data": "lessons"}}]},
    },
    "evaluate": [{"regurgitation": {"prompts": "greetings", "of": ["book"], "held_out": ["held"]}}],
    "compare": {"to": "base"},
}


def faults(raw: dict[str, Any], held: dict[str, Any], of: str = "book") -> list[str]:
    study = copy.deepcopy(raw)
    study["data"]["held"] = held
    study["evaluate"][0]["regurgitation"]["of"] = [of]
    try:
        Study(**study)
    except StudyError as found:
        return [one.message for one in found.problems]
    return []


@pytest.mark.parametrize(
    "held",
    [
        {**BOOK, "take": None, "skip": 20},
        {"source": "pocket:philosophers_held_out", "format": "prose"},
        {"source": "pocket:eli5", "format": "eli5", "part": [0.5, 1]},
        {"source": "pocket:smalltalk", "format": "dailydialog", "skip": 20},
        {"source": "pocket:smalltalk", "format": "dailydialog", "held_out_from": ["talk"]},
    ],
)
def test_what_no_arm_read_can_be_held_out(raw: dict[str, Any], held: dict[str, Any]) -> None:
    assert faults(raw, held) == []


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (BOOK, "'reader' is trained on 'book', which may hold rows of 'held'"),
        ({**BOOK, "skip": 19, "take": 2}, "'reader' is trained on 'book', which may hold rows of 'held'"),
        ({**BOOK, "take": None, "part": [0.5, 1]}, "'reader' is trained on 'book', which may hold rows of 'held'"),
        ({"mixture": {"talk": 1}}, "'both' is trained on 'talk'"),
        ({"source": "pocket:smalltalk", "format": "dailydialog", "sample": 3}, "'both' is trained on 'talk'"),
        ({"source": "pocket:eli5", "format": "eli5"}, "'student' is trained on 'asked'"),
    ],
)
def test_what_an_arm_read_is_not_held_out(raw: dict[str, Any], held: dict[str, Any], said: str) -> None:
    assert len(found := faults(raw, held)) == 1 and found[0].startswith(said), found


def test_parts_of_a_text_and_of_its_questions_are_not_apart(raw: dict[str, Any]) -> None:
    """A text has the number of all of it, an example that of its question: the same row is in one part and the other."""
    del raw["arms"]["reader"]
    for name in ("book", "turns"):
        raw["data"][name] = {**raw["data"][name], "take": None, "part": [0, 0.1]}
    (said,) = faults(raw, {**BOOK, "take": None, "part": [0.9, 1]}, "turns")
    assert said == "'both' is trained on 'turns', which may hold rows of 'held'"


def test_spans_are_looked_for_in_what_an_arm_read(raw: dict[str, Any]) -> None:
    held = {**BOOK, "take": None, "skip": 20}
    assert faults(raw, held, "other") == ["no arm is trained on 'other'"]
    assert [faults(raw, held, of) for of in ("turns", "merged", "asked")] == [[], [], []]
    del raw["arms"]["reader"]
    assert faults(raw, held, "book") == [], "'both' reads the same rows in another format"
    raw["arms"] = {"base": {"train": []}}
    raw["data"].pop("lessons")
    assert faults(raw, held, "other") == [], "what the base read nobody here can tell"
