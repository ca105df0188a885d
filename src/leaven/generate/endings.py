"""Where an answer ends: at a stop id, at a stop string, or at its limit; a function of the row's own ids."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """An answer's text, why it ended (``stop`` or ``length``), and how many of its tokens count."""

    text: str
    finish_reason: str
    tokens: int


class Endings:
    """Knows where answers end; reads ids through the tokenizer, so a stop string may span tokens."""

    def __init__(self, tokenizer: Any, stop_ids: Sequence[int], stop_strings: Sequence[str] = ()):
        self._tokenizer = tokenizer
        self._stop_ids = set(stop_ids)
        self._stop_strings = list(stop_strings)
        # A token holds at least one byte of text, but for special ones and a first one that is a space alone.
        self._reach = 2 * max((len(text.encode()) for text in self._stop_strings), default=0) + 8

    def reached(self, ids: Sequence[int]) -> bool:
        """Say whether the last token of an answer completed a stop string; looks at its end only."""
        return bool(self._stop_strings) and self._holds(ids[-self._reach :])

    def answer(self, ids: Sequence[int], limit: int) -> Answer:
        """Cut an answer at the first of its ends; ``text`` holds neither stop id nor stop string."""
        limited = list(ids[:limit])
        end = next((index for index, token in enumerate(limited) if token in self._stop_ids), None)
        told = limited if end is None else limited[:end]
        if self._holds(told):
            tokens = bisect_left(range(len(told)), True, key=lambda last: self._holds(told[: last + 1])) + 1
            return Answer(self._before_stop(told[:tokens]).strip(), "stop", tokens)
        return Answer(self._text(told).strip(), "length" if end is None else "stop", len(told))

    def _holds(self, ids: Sequence[int]) -> bool:
        if not self._stop_strings:
            return False
        text = self._tokenizer.decode(ids)  # with special tokens: they may be what is stopped at
        return any(stop in text for stop in self._stop_strings)

    def _before_stop(self, ids: Sequence[int]) -> str:
        text = self._text(ids)
        return text[: min((place for stop in self._stop_strings if (place := text.find(stop)) >= 0), default=len(text))]

    def _text(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text
