"""n-grams of words that two data sets share: decontamination as for GPT-3 (Brown et al. 2020, appendix C).

Words are lower-case and without punctuation, parted by white space, as there and in lm-eval's decontamination; 13 words
in a row that occur in an evaluation row are an overlap. Texts of languages that put no spaces between words
are one long word here: for them this finds nothing but equal texts.
"""

from __future__ import annotations

import functools
import string
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.data.canonical import Batch, Batches, asking
from leaven.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZE = 13  # words, as for GPT-3
_BETWEEN = "\n"  # stands between two texts, and is no word
_FACTOR = 0x9E3779B97F4A7C15  # odd, its bits look random: 2**64 over the golden ratio
_ANSWERS = ("completion", "chosen", "rejected")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return plain.translate(_unspoken()).split()


class _Unspoken(dict[int, int | None]):
    """What ``str.translate`` puts for a character: nothing for punctuation, looked up when it is first met."""

    def __missing__(self, point: int) -> int | None:
        character = chr(point)
        kind = unicodedata.category(character)
        lost = kind.startswith("P") or character in string.punctuation or kind == "Cf"
        found = None if lost or (kind == "Cc" and not character.isspace()) else point
        self[point] = found
        return found


@functools.cache
def _unspoken() -> _Unspoken:
    return _Unspoken()


@dataclass(frozen=True)
class Passages:
    """The words of some rows behind one another: of each its texts (a prompt with an answer), and its questions.

    ``starts`` says where each row begins; ``questions`` holds what a user says in each row, a text for each turn.
    """

    words: list[str]
    starts: list[int]
    questions: list[list[str]]

    @classmethod
    def of(cls, rows: Sequence[Row], size: int, *, others: bool = False) -> Passages:
        """Take rows apart; with ``others`` the further reference answers of examples are texts too."""
        said: list[str] = []
        starts, questions = [], []
        for row in rows:
            starts.append(len(said))
            turns = [(turn["role"], words(turn["content"])) for turn in asking(row) if turn["role"] != "system"]
            questions.append([" ".join(text) for role, text in turns if role == "user"])
            before = [word for _, text in turns for word in text]
            for answer in _answers(row, others) or [[]]:
                said += [*before, *answer, _BETWEEN]
                before = before[1 - size :] if size > 1 else []  # what was read is not read again, but for its border
        return cls(said, starts, questions)

    def grams(self, size: int) -> NDArray[np.uint64]:
        """Return a number for every ``size`` words in a row; equal words have equal numbers in one process.

        Numbers of those that go over the border of two texts are there too, and equal none that is not.
        """
        import numpy as np

        # Python's hash of a text is salted for each process: nothing of this may be kept.
        numbers = np.fromiter(map(hash, self.words), dtype=np.int64, count=len(self.words)).view(np.uint64)
        made = np.zeros(max(len(numbers) - size + 1, 0), dtype=np.uint64)
        for at in range(size if len(made) else 0):
            made *= np.uint64(_FACTOR)
            made += numbers[at : at + len(made)]
        return made


def _answers(row: Row, others: bool) -> list[list[str]]:
    found = [" ".join(turn["content"] for turn in row[name]) for name in _ANSWERS if row.get(name)]
    return [words(text) for text in [*found, *(row.get("others") or () if others else ())]]


@dataclass
class Evaluated:
    """What evaluation rows say: the numbers of their n-grams, and their questions of fewer words as wholes.

    Memory holds 8 bytes for each n-gram and what a sieve in front of them takes (16 bytes or so), and no text but that
    of short questions.
    """

    size: int = SIZE
    short: set[str] = field(default_factory=set)
    _found: list[NDArray[np.uint64]] = field(default_factory=list)

    def add(self, rows: Sequence[Row]) -> None:
        """Take rows in: their prompts with every answer (statements: their texts), but no system messages."""
        import numpy as np

        said = Passages.of(rows, self.size, others=True)
        borders = np.cumsum([0, *(word is _BETWEEN for word in said.words)])
        grams = said.grams(self.size)
        inside = borders[self.size : self.size + len(grams)] == borders[: len(grams)]
        self._found.append(np.unique(grams[inside]))
        self.short |= {text for asked in said.questions for text in asked if 0 < len(text.split()) < self.size}
        self.__dict__.pop("_sieve", None)

    @functools.cached_property
    def _sieve(self) -> tuple[NDArray[np.uint64], NDArray[np.bool_], np.uint64]:
        """All n-grams in order, and a table by their highest bits that says of nearly every other that it is none."""
        import numpy as np

        grams = np.unique(np.concatenate(self._found)) if self._found else np.zeros(0, dtype=np.uint64)
        bits = max(16, min(26, int(16 * len(grams) + 1).bit_length()))
        shift = np.uint64(64 - bits)
        table = np.zeros(1 << bits, dtype=np.bool_)
        table[grams >> shift] = True
        return grams, table, shift

    def shared(self, said: Passages, grams: NDArray[np.uint64]) -> dict[int, str]:
        """Return, by the row's place, the first words that a row shares with these."""
        import numpy as np

        found = {at: text for at, asked in enumerate(said.questions) for text in reversed(asked) if text in self.short}
        known, table, shift = self._sieve
        likely = np.flatnonzero(table[grams >> shift])
        if not len(known) or not len(likely):
            return found
        near = np.minimum(np.searchsorted(known, grams[likely]), len(known) - 1)
        hits = likely[known[near] == grams[likely]]
        rows = np.searchsorted(said.starts, hits, side="right") - 1
        first, at = np.unique(rows, return_index=True)
        spans = {int(row): int(hits[one]) for row, one in zip(first, at, strict=True)}
        return found | {row: " ".join(said.words[begin : begin + self.size]) for row, begin in spans.items()}


def of_table(path: Path, size: int = SIZE) -> Evaluated:
    """Return what the canonical rows of a table say."""
    known = Evaluated(size)
    for batch in tables.batches(path):
        known.add(batch.to_pylist())
    return known


def shared(rows: Sequence[Row], others: Mapping[str, Evaluated]) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield the name of each other set, and what each of these rows shares with it, by the row's place."""
    sizes = {known.size for known in others.values()}
    assert len(sizes) <= 1, f"n-grams of {sorted(sizes)} words are looked for at once"
    for size in sizes if rows else ():
        said = Passages.of(rows, size)
        grams = said.grams(size)
        for name, known in others.items():
            yield name, known.shared(said, grams)


def decontaminated(batches: Batches, others: Mapping[str, Evaluated]) -> Iterator[Batch]:
    """Drop rows that share an n-gram with evaluation rows, and quote it; ``others`` maps a data name to what it says.

    A row is read as prompt and answers behind one another, without system messages. An evaluation question of fewer
    words than the n-gram is compared whole with every user turn.
    """
    for batch in batches:
        why: dict[int, tuple[str, str]] = {}
        for name, found in shared(batch.rows, others):
            size = others[name].size
            for at, text in found.items():
                whole = len(text.split()) < size
                reason = f"a question of fewer than {size} words occurs" if whole else f"{size} words in a row occur"
                why.setdefault(at, (f"{reason} in {name}", text))
        kept = [row for at, row in enumerate(batch.rows) if at not in why]
        drops = [_dropped(row, *why[at]) for at, row in enumerate(batch.rows) if at in why]
        yield Batch(kept, [*batch.drops, *drops], batch.rows_in)


def _dropped(row: Row, reason: str, text: str) -> Row:
    return {"id": row["id"], "reason": reason, "excerpt": text}
