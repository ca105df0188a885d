"""Whether an answer ends by saying one thing again and again, or spells out what should have ended it."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from leaven.registry import Count, Text, metric

EOS = [
    "</s>", "<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<eos>",
    "[EOS]",
]  # fmt: skip
TIMES, LEAST = 3, 20
_TAIL = 4096  # characters of an answer's end that are looked at

Times = Annotated[int, Field(ge=2)]


@metric(version=1, better="lower", unit="share")
def loops(texts: Sequence[str | None], *, times: Times = TIMES, least: Count = LEAST) -> list[float | None]:
    """1 where an answer ends in a loop: a unit said ``times`` times or more in a row, up to its last character.

    The unit is any run of characters, and the last one may be cut off; all of them together have ``least`` characters
    or more, so that "ha ha ha" is none. A loop that changes as it goes (a list that counts) is none either: see
    ``repetition``. Where answers are cut off early a long unit has no time to recur, so state ``max_new_tokens`` with
    the number. Null for a blank answer.
    """
    return [float(ends_in_loop(text, times, least)) if text and text.strip() else None for text in texts]


@metric(version=1, better="lower", unit="share")
def eos_loop(
    texts: Sequence[str | None], *, strings: Annotated[list[Text], Field(min_length=1)] = EOS, times: Times = 2
) -> list[float | None]:
    """1 where an answer spells out an end of text ``times`` times or more in a row; null for a blank answer.

    ``strings`` are what counts as such ("</s>", "<|endoftext|>", ...), capitals ignored; white space may stand between.
    It is letters that are counted: the token itself ends an answer, and is never in its text.
    """
    return [float(spells_ends(text, strings, times)) if text and text.strip() else None for text in texts]


def ends_in_loop(text: str, times: int = TIMES, least: int = LEAST) -> bool:
    """Say whether a text's end is one unit over and over; looks at its last 4,096 characters, in linear time."""
    turned = text[-_TAIL:][::-1]
    return any(
        period + further >= max(least, times * period) for period, further in enumerate(_recurs(turned)) if period
    )


def _recurs(text: str) -> list[int]:
    """Return for each place how far the text goes on there as it begins (the Z-function; Gusfield 1997, 1.3)."""
    far, left, right = [0] * len(text), 0, 0
    for place in range(1, len(text)):
        known = min(right - place, far[place - left]) if place < right else 0
        while place + known < len(text) and text[known] == text[place + known]:
            known += 1
        far[place] = known
        if place + known > right:
            left, right = place, place + known
    return far


def spells_ends(text: str, strings: Sequence[str] = EOS, times: int = 2) -> bool:
    """Say whether a text spells out one of these strings so often in a row."""
    return bool(_ends(tuple(strings), times).search(text))


@functools.lru_cache(maxsize=16)
def _ends(strings: tuple[str, ...], times: int) -> re.Pattern[str]:
    spelt = "|".join(re.escape(one.strip()) for one in strings)
    return re.compile(rf"(?:(?:{spelt})\s*+){{{times}}}", re.IGNORECASE)  # possessive: nothing is tried twice
