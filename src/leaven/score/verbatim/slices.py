"""Equal sizes: of training and of held-out text as many bytes each, so that chance finds as much in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaven.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leaven.score.verbatim.pool import Pool

Pieces = list[tuple[int, int | None]]  # numbers of texts, and of one that is cut off: how many of its bytes


@dataclass(frozen=True)
class Slices:
    """Which texts stand in which part of the index, and what was left out on the way.

    ``slice`` of the training data has as many bytes as ``held_out`` (to within one character); ``rest`` is all other
    training data, empty where all of it is in the slice.
    """

    slice: Pieces
    rest: Pieces
    held_out: Pieces
    duplicates: int
    overlap: int


def slices(of: Pool, held_out: Pool) -> Slices:
    """Take each text once, those of ``of`` out of the held-out ones, and cut both to the same number of bytes.

    Texts are taken in the order of their digests; the last one is cut off. Raises DataError where nothing is left.
    """
    if not len(of):
        raise DataError("the training data (`of`) hold no text, so nothing can stand in them; name other data")
    if not len(held_out):
        raise DataError("the held-out data hold no text, so there is no chance level; name other data as `held_out`")
    ours, theirs, overlap = _once(of.digests, held_out.digests)
    duplicates = len(of) + len(held_out) - len(ours) - len(theirs) - overlap
    if not len(theirs):
        raise DataError(
            f"all {len(held_out)} held-out texts stand in the training data as well; hold out a part of the rows "
            "(`part: [0.9, 1]`, or `held_out_from`), or name other data as `held_out`"
        )
    size = int(min(of.lengths[ours].sum(), held_out.lengths[theirs].sum()))
    taken, rest = _cut(ours, of.lengths, size)
    return Slices(taken, rest, _cut(theirs, held_out.lengths, size)[0], duplicates, overlap)


def _once(of: NDArray[np.uint64], held_out: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return which texts of each are taken, in the order of their digests, and how many are held out in vain."""
    import numpy as np

    both = np.concatenate([of, held_out])
    order = np.lexsort((np.arange(len(both)), both[:, 1], both[:, 0]))  # of equal ones the first that was added first
    sorted_ = both[order]
    first = np.concatenate([[True], (sorted_[1:] != sorted_[:-1]).any(axis=1)])
    group = np.cumsum(first) - 1
    trained = (order[first] < len(of))[group]  # whether a text like this one is trained on
    overlap = int((trained & (order >= len(of))).sum())
    kept = order[first]
    return kept[kept < len(of)], kept[kept >= len(of)] - len(of), overlap


def _cut(order: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> tuple[Pieces, Pieces]:
    """Return the texts that have ``size`` bytes together, and the others; one that is cut is whole among those."""
    import numpy as np

    ends = np.cumsum(lengths[order])
    whole = int(np.searchsorted(ends, size, side="right"))
    left = size - (int(ends[whole - 1]) if whole else 0)
    taken: Pieces = [(int(number), None) for number in order[:whole]]
    if left:
        taken.append((int(order[whole]), left))
    return taken, [(int(number), None) for number in np.sort(order[whole:])]
