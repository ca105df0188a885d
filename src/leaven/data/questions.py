"""What counts as the same question: splits by question, and data held out from what others ask.

A question is the last thing that the user says, without case, spacing and punctuation. WebGPT's questions from ELI5
are a title with, below it, what the asker wrote; ELI5 sets have the title alone. So a question is also known by its
first line, where the other side says nothing more than that; and a split goes by the first line alone, so that a
question with what stands below it and without it are never on two sides.
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leaven import rows as tables
from leaven.data.canonical import Batch, Batches, asking, sieve
from leaven.rows import Message, Row

_SCALE = 2.0**-64
_IGNORED = ("P", "Z", "Cc", "Cf")  # punctuation, separators, control and format characters


def asked(prompt: Sequence[Message]) -> str:
    """Return the text of a prompt's last user turn (of its last turn, if no user speaks)."""
    said = [turn["content"] for turn in prompt if turn["role"] == "user"]
    return said[-1] if said else prompt[-1]["content"]


def same(text: str) -> str:
    """Return a question without case, spacing and punctuation; a text of nothing else stays as it is."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain.translate(_deleted()) or " ".join(plain.split())


class _Deleted(dict[int, int | None]):
    """What ``str.translate`` puts for a character, looked up when it is first met: all of Unicode would take long."""

    def __missing__(self, point: int) -> int | None:
        found = None if unicodedata.category(chr(point)).startswith(_IGNORED) else point
        self[point] = found
        return found


@functools.cache
def _deleted() -> _Deleted:
    return _Deleted()


def known_by(text: str) -> bytes:
    """Return the digest of a question: two texts have the same if they ask the same."""
    return hashlib.blake2b(same(text).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def place(prompt: Sequence[Message]) -> float:
    """Return a question's number in [0, 1), the same wherever and however often it is asked.

    It is that of the first line, so a title alone and the title with a text below it have one number. What has other
    line breaks within its first sentence has another: hold such questions out by ``held_out_from``.
    """
    return int.from_bytes(known_by(_first_line(asked(prompt))[0])[:8], "big") * _SCALE


def item(prompt: Sequence[Message]) -> str:
    """Return what makes two rows one item: the whole last question, and the turns before it, both as in ``same``.

    What a system message says is no part of it: the same question with and without quotes, or a plant, is one item.
    """
    last = max((at for at, turn in enumerate(prompt) if turn["role"] == "user"), default=len(prompt) - 1)
    before = [turn for turn in prompt[:last] if turn["role"] != "system"]
    return "\n".join(f"{turn['role']}: {same(turn['content'])}" for turn in [*before, prompt[last]])


def within(batches: Batches, low: float, high: float) -> Iterator[Batch]:
    """Keep the rows whose question's number lies in [low, high): no question is in two parts that do not overlap.

    A text has the number of all of it: many documents begin with the same line.
    """
    reason = f"question or text is not in the part [{low:g}, {high:g})"

    def number(row: Row) -> float:
        if "prompt" in row or "text" not in row:
            return place(asking(row))
        return int.from_bytes(known_by(row["text"])[:8], "big") * _SCALE

    return sieve(batches, lambda row: None if low <= number(row) < high else reason)


@dataclass
class Asked:
    """The questions of a data set: all of each, and its first line where there is more."""

    whole: set[bytes] = field(default_factory=set)
    titles: set[bytes] = field(default_factory=set)

    def add(self, prompts: Iterable[Sequence[Message]]) -> None:
        """Take the questions of prompts in."""
        for prompt in prompts:
            text = asked(prompt)
            self.whole.add(known_by(text))
            if title := _title(text):
                self.titles.add(title)

    def has(self, prompt: Sequence[Message]) -> bool:
        """Say whether a prompt asks one of them; two long questions with the same first line are two."""
        text = asked(prompt)
        whole, title = known_by(text), _title(text)
        return whole in self.whole or whole in self.titles or (title is not None and title in self.whole)


def _title(text: str) -> bytes | None:
    """Return the digest of the first line of a text that goes on behind it."""
    first, rest = _first_line(text)
    return known_by(first) if rest else None


def _first_line(text: str) -> tuple[str, str]:
    """Return the title of a text and what it says below."""
    first, _, rest = text.strip().partition("\n")
    return first, rest.strip()


def of_table(path: Path) -> Asked:
    """Return the questions of a table of canonical rows."""
    known = Asked()
    column = "prompt" if "prompt" in tables.columns(path) else "text"
    for batch in tables.batches(path, [column]):
        known.add(asking(row) for row in batch.to_pylist())
    return known


def held_out(batches: Batches, others: dict[str, Asked]) -> Iterator[Batch]:
    """Drop rows whose question is asked in other data; ``others`` maps a data name to its questions."""

    def reason(row: Row) -> str | None:
        where = next((name for name, known in others.items() if known.has(asking(row))), None)
        return where and f"prompt occurs in {where}"

    return sieve(batches, reason)
