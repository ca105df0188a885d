"""One shard of the index: rows as bytes, and their suffixes in order; what is looked for is found by halving.

The suffix array is libdivsufsort's (Mori; see Fischer & Kurpicz 2017), by pydivsufsort. The search is Manber and Myers'
(1993): no byte that is known to be equal is compared again. It is done for many queries at once, eight bytes a step,
after the first eight bytes were looked up in a sample of the suffixes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leaven.score.verbatim.texts import SEPARATOR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Words = NDArray[np.uint64]

WORD = 8
_STRIDE = 64  # every so many suffixes one whose first bytes are kept together, for the first look
_SHALLOW = 6  # words that are compared at once
_PARTS = ("text", "suffixes", "sampled", "starts", "ids", "id_starts")


def write(folder: Path, rows: Iterable[tuple[bytes, bytes]]) -> None:
    """Write a shard of rows: of each its text, evened, and its id.

    Needs five times as many bytes of memory as the texts have, and as many of disk. At most 2 GiB.
    """
    import numpy as np
    from pydivsufsort import divsufsort

    folder.mkdir(parents=True)
    joined, ids, starts, id_starts = bytearray(), bytearray(), array("q", [0]), array("q", [0])
    for text, row_id in rows:
        joined += text
        joined.append(SEPARATOR)
        ids += row_id
        starts.append(len(joined))
        id_starts.append(len(ids))
    assert len(joined) < 2**31, f"{len(joined)} bytes in one shard"
    joined += bytes([SEPARATOR]) * WORD  # for whoever reads eight bytes at the end; not sorted
    padded = np.frombuffer(joined, dtype=np.uint8)
    suffixes = divsufsort(padded[: starts[-1]])
    sampled = words(padded)[suffixes[::_STRIDE]].astype(np.uint64)
    found = (padded, suffixes, sampled, np.asarray(starts), np.frombuffer(ids, dtype=np.uint8), np.asarray(id_starts))
    for name, made in zip(_PARTS, found, strict=True):
        np.save(folder / f"{name}.npy", made, allow_pickle=False)


def words(padded: Bytes) -> Words:
    """Return the eight bytes at every place as numbers that sort as the bytes do; a view, which copies nothing."""
    import numpy as np

    return np.ndarray(shape=(len(padded) - WORD + 1,), dtype=">u8", buffer=padded, strides=(1,))


class Query:
    """Evened texts that are looked for, in bytes: behind each of them are eight zero bytes."""

    def __init__(self, texts: Sequence[bytes]):
        import numpy as np

        gap = b"\0" * WORD
        self.whole = gap.join([*texts, gap])
        self.raw, self.words = memoryview(self.whole), words(np.frombuffer(self.whole, dtype=np.uint8))


class Shard:
    """A shard on the disk, mapped: what is not looked at is not read."""

    def __init__(self, folder: Path):
        import numpy as np

        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _PARTS}
        mapped = {name: np.asarray(one) for name, one in arrays.items()}  # as plain arrays: quicker to index
        self._text, self._suffixes, self._starts = mapped["text"], mapped["suffixes"], mapped["starts"]
        self._ids, self._id_starts = mapped["ids"], mapped["id_starts"]
        self._sampled = mapped["sampled"].copy()
        self._words, self._raw = words(self._text), self._text.data

    def row_id(self, place: int) -> str:
        """Return the id of the row that a place in the text is of."""
        import numpy as np

        row = int(np.searchsorted(self._starts, place, side="right")) - 1
        return bytes(self._ids[self._id_starts[row] : self._id_starts[row + 1]]).decode("utf-8", "replace")

    def longest(self, query: Query, at: Places) -> tuple[Places, Places]:
        """Return how many bytes from each place of a query stand in the shard at most, and where they do.

        ``at`` are places in the query.
        """
        import numpy as np

        low, high = self._first(query, at)
        left, right = np.zeros_like(at), np.zeros_like(at)  # bytes known to be equal at both ends
        going = np.flatnonzero(high - low > 1)
        while len(going):
            middle = (low[going] + high[going]) >> 1
            equal, above = self._compared(self._suffixes[middle], query, at[going], np.minimum(left, right)[going])
            up, down = going[above], going[~above]
            high[up], right[up] = middle[above], equal[above]
            low[down], left[down] = middle[~above], equal[~above]
            going = going[(high - low)[going] > 1]
        return self._better(query, at, (low, left), (high, right))

    def _first(self, query: Query, at: Places) -> tuple[Places, Places]:
        """Return between which two suffixes each place would stand, from its first eight bytes: -1 and past the end."""
        import numpy as np

        first = query.words[at].astype(np.uint64)
        below = np.searchsorted(self._sampled, first, side="left")
        above = np.searchsorted(self._sampled, first, side="right")
        low = np.where(below > 0, (below - 1) * _STRIDE, -1)
        high = np.minimum(above * _STRIDE, len(self._suffixes))
        return low, high

    def _better(self, query: Query, at: Places, *neighbours: tuple[Places, Places]) -> tuple[Places, Places]:
        """Return of both neighbours, with what is known to be equal, the one that has more in common with a place."""
        import numpy as np

        found, places = np.zeros_like(at), np.zeros_like(at)
        for neighbour, known in neighbours:
            there = np.flatnonzero((neighbour >= 0) & (neighbour < len(self._suffixes)))
            suffixes = self._suffixes[neighbour[there]].astype(np.int64)
            equal, _ = self._compared(suffixes, query, at[there], known[there])
            more = equal > found[there]
            found[there[more]], places[there[more]] = equal[more], suffixes[more]
        return found, places

    def _compared(
        self, suffixes: NDArray[np.integer], query: Query, at: Places, equal: Places
    ) -> tuple[Places, NDArray[np.bool_]]:
        """Return how many bytes suffixes and places have in common, ``equal`` at least, and which suffixes are above.

        Ends always: what is looked for ends in zero bytes, and the text in separators, and neither has the other's.
        """
        import numpy as np

        suffixes = suffixes.astype(np.int64)
        equal, above, going = equal.copy(), np.zeros(len(at), dtype=bool), np.arange(len(at))
        rounds = 0
        while len(going):
            ours = self._words[suffixes[going] + equal[going]].astype(np.uint64)
            theirs = query.words[at[going] + equal[going]].astype(np.uint64)
            apart = ours != theirs
            ended = going[apart]
            above[ended] = (ours > theirs)[apart]
            equal[ended] += _equal_bytes((ours ^ theirs)[apart])
            going = going[~apart]
            equal[going] += WORD
            rounds += 1
            if rounds == _SHALLOW:  # the few that have much in common go on in longer steps
                for one in going.tolist():
                    equal[one] += self._far(int(suffixes[one] + equal[one]), query.raw, int(at[one] + equal[one]))
        return equal, above

    def _far(self, suffix: int, query: memoryview, at: int) -> int:
        """Return a number of bytes, a multiple of eight, that are equal from two places on, so that few more are."""
        found, step = 0, WORD
        while self._raw[suffix + found : suffix + found + step] == query[at + found : at + found + step]:
            found, step = found + step, 2 * step
        while step > WORD:
            step //= 2
            if self._raw[suffix + found : suffix + found + step] == query[at + found : at + found + step]:
                found += step
        return found


def _equal_bytes(different: Words) -> Places:
    """Return how many leading bytes are zero, from 0 to 7, of numbers that are not zero."""
    import numpy as np

    # With the second highest bit gone no number is rounded up to the next power of two.
    bits = np.frexp((different & ~(different >> np.uint64(1))).astype(np.float64))[1]
    return ((64 - bits) // 8).astype(np.int64)
