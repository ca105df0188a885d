"""An answer on its way as text: what of it will not change any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Hear = Callable[[str], None]  # the next piece of an answer


class Stream:
    """Hears an answer's ids and tells its text piece by piece; all pieces together are the answer.

    Held back is what may still become part of a character, of a stop string, or white space at the end.
    """

    def __init__(self, tokenizer: Any, stop_ids: Sequence[int], stop_strings: Sequence[str], hear: Hear):
        self._tokenizer = tokenizer
        self._stop_ids = set(stop_ids)
        self._stops = list(stop_strings)
        self._hear = hear
        self._told = ""

    def __call__(self, _: Any, ids: Sequence[int]) -> None:
        """Take the ids of the answer so far."""
        text = self._settled([one for one in ids if one not in self._stop_ids])
        if len(text) > len(self._told) and text.startswith(self._told):
            self._hear(text[len(self._told) :])
            self._told = text

    def end(self, answer: str) -> None:
        """Tell the rest of the whole answer; from a new line all of it, where the tokenizer changed what it had told.

        (One that cleans blanks up does, in front of an apostrophe.)
        """
        rest = answer[len(self._told) :] if answer.startswith(self._told) else f"\n{answer}"
        if rest:
            self._hear(rest)

    def _settled(self, ids: Sequence[int]) -> str:
        text = str(self._tokenizer.decode(ids, skip_special_tokens=True))
        ended = [place for stop in self._stops if (place := text.find(stop)) >= 0]  # a token may hold more than it
        if ended:
            return text[: min(ended)].strip()
        text = text.rstrip("\N{REPLACEMENT CHARACTER}")
        longest = max((_begun(text, stop) for stop in self._stops), default=0)
        return text[: len(text) - longest].strip()


def _begun(text: str, stop: str) -> int:
    """Return how many characters of a text's end may be the beginning of a stop string."""
    most = min(len(stop) - 1, len(text))
    return next((length for length in range(most, 0, -1) if text.endswith(stop[:length])), 0)
