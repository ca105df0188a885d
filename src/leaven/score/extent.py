"""How much an answer says: anything at all, and how much beside a reference."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from leaven.registry import metric


@metric(version=1, better="higher", unit="share")
def answers_something(texts: Sequence[str | None]) -> list[float | None]:
    """1 where an answer says something, 0 where it is blank or marks alone; null where there is no answer at all."""
    return [None if text is None else float(says_something(text)) for text in texts]


def says_something(text: str) -> bool:
    """Say whether a text has a letter, a digit or a symbol (an emoji, say): white space and marks say nothing."""
    return any(one.isalnum() or unicodedata.category(one)[0] == "S" for one in text)


@metric(version=1, better=None, unit="times")
def length_ratio(texts: Sequence[str | None], references: Sequence[str | None]) -> list[float | None]:
    """An answer's words for each word of its reference: 1 is as long, 3 three times; null without a reference.

    Words are split at white space. What is cut off at the token limit would be longer: read it beside ``stop_rate``.
    """
    return [_ratio(text, reference) for text, reference in zip(texts, references, strict=True)]


def _ratio(text: str | None, reference: str | None) -> float | None:
    wanted = len((reference or "").split())
    return None if text is None or not wanted else len(text.split()) / wanted
