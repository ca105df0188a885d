"""Texts on the disk, one behind the other, with the id of the row that each is of: memory does not hold them."""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from leaven.score.verbatim.texts import evened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Pool:
    """Takes texts and ids, evens the texts, and gives them back by number once it is closed (``with Pool(...)``).

    ``lengths`` are in bytes. ``digests`` are two 64-bit numbers a text, drawn with ``seed``: equal texts have equal
    ones, and their order is a random one. A text that is blank is counted and left out.
    """

    def __init__(self, folder: Path, seed: int):
        folder.mkdir(parents=True)
        self._paths = folder / "texts.bin", folder / "ids.bin"
        self._files = [path.open("wb") for path in self._paths]
        self._salt = seed.to_bytes(8, "little")
        self._lengths, self._ids, self._digests = array("q"), array("q"), array("Q")
        self._maps: list[Any] = []
        self.blank = 0

    def add(self, row_id: str, text: str) -> None:
        """Take one text of a row."""
        made, named = evened(text).encode(), row_id.encode("utf-8", "replace")
        if not made:
            self.blank += 1
            return
        self._files[0].write(made)
        self._files[1].write(named)
        self._lengths.append(len(made))
        self._ids.append(len(named))
        self._digests.frombytes(hashlib.blake2b(made, digest_size=16, key=self._salt).digest())

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        import numpy as np

        for file in self._files:
            file.close()
        lengths = (np.asarray(self._lengths, dtype=np.int64), np.asarray(self._ids, dtype=np.int64))
        for path, sizes in zip(self._paths, lengths, strict=True):
            # No file of nothing can be mapped.
            data = np.memmap(path, np.uint8, "r") if sizes.sum() else np.zeros(0, np.uint8)
            self._maps.append((data, np.concatenate([[0], np.cumsum(sizes)])))

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The length of each text in bytes."""
        import numpy as np

        return np.asarray(self._lengths, dtype=np.int64)

    @property
    def digests(self) -> NDArray[np.uint64]:
        """Two numbers of each text, of shape (texts, 2)."""
        import numpy as np

        return np.asarray(self._digests, dtype=np.uint64).reshape(-1, 2)

    def text(self, number: int, length: int | None = None) -> bytes:
        """Return a text, or as much of its beginning as ``length`` bytes hold whole characters of."""
        whole = self._item(0, number)
        return whole if length is None else whole[:length].decode("utf-8", "ignore").encode()

    def row_id(self, number: int) -> bytes:
        """Return the id of the row that a text is of."""
        return self._item(1, number)

    def _item(self, which: int, number: int) -> bytes:
        data, starts = self._maps[which]
        return bytes(data[starts[number] : starts[number + 1]])
