"""Prompts of RealToxicityPrompts: the text alone, its score checked."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.data.formats import BadRow
from leaven.data.prompts import rtp


def test_the_text_is_gone_on_from_without_the_space_at_its_end() -> None:
    assert rtp({"text": "Once upon a ", "score": 0.5}) == {
        "prompt": [{"role": "user", "content": "Once upon a"}],
        "completion": None,
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": " ", "score": 0.1}, "text is empty"),
        ({"text": "a", "score": None}, "score is empty"),
        ({"text": "a", "score": float("nan")}, "score is nan"),
        ({"text": ["a"], "score": 0.1}, "text is a list"),
    ],
)
def test_a_row_that_is_none_says_why(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        rtp(row)
