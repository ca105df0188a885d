"""Which of many numbered digests occurred before: by buckets on disk, so that memory does not grow with their number.

A digest has 64 bits: of a billion different sentences one or none is taken for another's duplicate (3 in 100 times).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUCKET = 1 << 20  # digests that are sorted at once, about
_MOST_BUCKETS = 256  # files that are open at once


def digest(text: str) -> int:
    """Return a text's digest, a number of 64 bits, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def repeated(digests: Iterable[NDArray[np.uint64]], count: int, folder: Path, bucket: int = BUCKET) -> Marks:
    """Return which of ``count`` digests, which come in order, are an earlier one's; writes into an empty folder."""
    buckets = max(1, min(_MOST_BUCKETS, -(-count // bucket)))
    files = [folder / f"bucket-{number}" for number in range(buckets)]
    _fill(files, digests)
    marks = Marks(count)
    for file in files:
        marks.add(_later(file))
        file.unlink()
    return marks


class Marks:
    """One bit for each of ``count`` places."""

    def __init__(self, count: int):
        import numpy as np

        self._bits = np.zeros(-(-count // 8), dtype=np.uint8)

    def add(self, places: NDArray[np.int64]) -> None:
        """Mark places."""
        import numpy as np

        np.bitwise_or.at(self._bits, places >> 3, (1 << (places & 7)).astype(np.uint8))

    def of(self, start: int, count: int) -> NDArray[np.bool_]:
        """Return whether each of ``count`` places from ``start`` on is marked."""
        import numpy as np

        places = np.arange(start, start + count)
        found: NDArray[np.bool_] = (self._bits[places >> 3] >> (places & 7)) & 1 == 1
        return found


def _fill(files: list[Path], digests: Iterable[NDArray[np.uint64]]) -> None:
    """Write each digest with its place into its bucket."""
    import numpy as np

    streams, start = [file.open("wb") for file in files], 0
    try:
        for some in digests:
            noted = np.empty((len(some), 2), dtype=np.uint64)
            noted[:, 0], noted[:, 1] = some, np.arange(start, start + len(some))
            start += len(some)
            for number in range(len(files)):
                noted[some % np.uint64(len(files)) == number].tofile(streams[number])
    finally:
        for stream in streams:
            stream.close()


def _later(file: Path) -> NDArray[np.int64]:
    """Return the places in a bucket whose digest stands at an earlier place too."""
    import numpy as np

    noted = np.fromfile(file, dtype=np.uint64).reshape(-1, 2)
    order = np.argsort(noted[:, 0], kind="stable")  # of equal ones the first stays first
    sorted_digests = noted[order, 0]
    later = np.concatenate([[False], sorted_digests[1:] == sorted_digests[:-1]]) if len(order) else order == 1
    places: NDArray[np.int64] = noted[order[later], 1].astype(np.int64)
    return places
