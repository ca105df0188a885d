"""The format of answers that are good or bad alone."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.data.canonical import fitting
from leaven.data.formats import BadRow, Skipped
from leaven.registry import FORMATS
from leaven.rows import Row

ANSWER = [{"role": "assistant", "content": "So."}]
ASKED = [{"role": "user", "content": "Why?"}]


def read(label: Any, **args: Any) -> Row:
    made: Row = FORMATS.get("unpaired").call({"prompt": "Why?", "completion": "So.", "label": label}, args=args)
    return made


@pytest.mark.parametrize(
    ("label", "told"), [(True, "true"), (False, "false"), (1, "true"), (0, "false"), ("True", "true"), ("0", "false")]
)
def test_a_label_is_true_or_false(label: Any, told: str) -> None:
    assert read(label) == {"prompt": ASKED, "completion": ANSWER, "label": told}


@pytest.mark.parametrize("label", [None, "good", 2, -1, 0.5, "", [True]])
def test_anything_else_is_no_label(label: Any) -> None:
    with pytest.raises(BadRow, match=r"label is .*neither true nor false"):
        read(label)


def test_good_or_bad_answers_alone() -> None:
    assert read(True, keep=True)["label"] == "true"
    with pytest.raises(Skipped, match="labelled false"):
        read(False, keep=True)
    assert read(False, keep=False)["label"] == "false"


def test_conversations_are_read_as_prompt_and_answer() -> None:
    row = {"prompt": ASKED, "completion": [*ASKED, *ANSWER], "label": True}
    assert FORMATS.get("unpaired").call(row, args={})["completion"] == ANSWER


def test_it_is_what_such_columns_are_taken_for() -> None:
    assert fitting({"id": "a", "prompt": ASKED, "completion": ANSWER, "label": True})[0] == "unpaired"
    assert fitting({"id": "a", "prompt": ASKED, "completion": ANSWER})[0] == "prompt_completion"
