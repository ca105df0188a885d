"""Which rows a treatment hits.

The draw is a hash of (row id, step, seed), not a running random state: rows treated at 1 % are a subset of those at
5 %, any sharding gives the same rows, and two steps hit different rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from leaven.data.treatments.columns import Mask

_SCALE = 2.0**-64


@dataclass(frozen=True)
class Draw:
    """A uniform number in [0, 1) for every row id, the same whatever the rate, order or shard."""

    seed: int
    step: str

    def uniform(self, row_id: str) -> float:
        """Return the row's number; a row is treated where it is below the rate."""
        return next(self._uniform([row_id]))

    def hits(self, rows: Dataset, eligible: Mask, rate: float) -> NDArray[np.intp]:
        """Return the indices of the rows that are treated, ascending; only eligible rows are."""
        import numpy as np
        import pyarrow as pa

        from leaven.data.treatments.columns import column

        places = np.flatnonzero(eligible)
        ids = column(rows, "id").take(pa.array(places)).to_pylist()
        return places[np.fromiter(self._uniform(ids), dtype=np.float64, count=len(ids)) < rate]

    def _uniform(self, row_ids: Iterable[str]) -> Iterator[float]:
        begun = hashlib.blake2b(f"{self.seed}\x1f{self.step}\x1f".encode("utf-8", "surrogatepass"), digest_size=8)
        for row_id in row_ids:
            whole = begun.copy()
            whole.update(row_id.encode("utf-8", "surrogatepass"))
            yield int.from_bytes(whole.digest(), "big") * _SCALE


@dataclass(frozen=True)
class Treated:
    """Rows after a treatment, in the same order with the same ids, and how many could have been treated.

    ``already``: rows that could not, because they hold what would have been planted. ``untagged``: texts that the draw
    left without control tokens. A treatment that leaves rows out says which were ``kept``, and of each other why
    (``reasons``, in their order).
    """

    rows: Dataset
    eligible: int
    already: int = 0
    untagged: int = 0
    kept: Mask | None = None
    reasons: Sequence[str] = ()
