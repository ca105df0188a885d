"""Encoded texts in a fixed order, put into the blocks that a language model is trained on.

The order is that of a hash of the texts' ids: shuffled, and the same in every arm and for every seed, so that two arms
which share a text have it at the same place among those they share. (The order of blocks in training is the seed's.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from leaven import rows as tables
from leaven.errors import DataError

Packing = Literal["group", "pack", "none"]
Text = tuple[str, list[int]]  # id, ids
IN_HAND = 20_000  # texts that are sorted in memory
_MOST_FILES = 256
_OPEN = 64  # blocks that still have room and are looked at for the next text


def shuffled(texts: Iterable[Text], count: int, scratch: Path) -> Iterator[Text]:
    """Yield texts in the order of a hash of their ids; ``count`` is about how many there are.

    More than fit in memory go by way of files in the folder ``scratch``, which are gone at the end. How many files
    there are does not change the order.
    """
    parts = min(_MOST_FILES, -(-count // IN_HAND))
    if parts <= 1:
        yield from _sorted(list(texts))
        return
    scratch.mkdir(parents=True)
    files = [scratch / f"{part}.parquet" for part in range(parts)]
    _spread(texts, files)
    for file in files:
        lines = [line for batch in tables.batches(file, ["id", "input_ids"]) for line in batch.to_pylist()]
        file.unlink()
        yield from _sorted([(line["id"], line["input_ids"]) for line in lines])
    scratch.rmdir()


def _spread(texts: Iterable[Text], files: list[Path]) -> None:
    """Write each text to the file that its hash falls into; files in ascending order of hashes."""
    writers = [tables.Writer(file, "encoded") for file in files]
    held: list[list[tables.Row]] = [[] for _ in files]
    each = max(64, IN_HAND // len(files))
    for name, ids in texts:
        part = _hash(name) * len(files) >> 64
        held[part].append({"id": name, "input_ids": ids})
        if len(held[part]) >= each:
            writers[part].write(held[part])
            held[part] = []
    for writer, rest in zip(writers, held, strict=True):
        with writer:
            writer.write(rest)


def _sorted(texts: list[Text]) -> list[Text]:
    return sorted(texts, key=lambda text: (_hash(text[0]), text[0]))


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


class Blocks:
    """Puts texts into blocks of at most ``size`` ids; ``cut`` counts the ids that no block holds.

    ``group``: all texts one after another, cut every ``size`` ids wherever that is; the rest of the last block is left
    out (as transformers' run_clm does). ``pack``: whole texts into the first block that has room for them, of those
    still open. ``none``: each text is a block. ``opening`` are ids that a block begins with, where texts bring no BOS.
    """

    def __init__(self, size: int, packing: Packing, opening: list[int]):
        self.size, self.packing, self.opening, self.cut = size, packing, opening, 0

    def of(self, texts: Iterable[Text]) -> Iterator[Text]:
        """Yield blocks as (id, ids). Raises DataError where a whole text is longer than a block, or there is none."""
        ways = {"group": self._grouped, "pack": self._packed, "none": self._each}
        made = 0
        for made, block in enumerate(ways[self.packing](texts), 1):  # noqa: B007 - the count is what is asked for
            yield block
        if not made:
            raise DataError(f"the texts have {self.cut} tokens, too few for one block of max_length {self.size}; lower "
                            "it, or set packing: none")  # fmt: skip

    def _grouped(self, texts: Iterable[Text]) -> Iterator[Text]:
        stream, number = list(self.opening), 0
        for _, ids in texts:
            stream += ids
            while len(stream) >= self.size:
                yield f"block-{number}", stream[: self.size]
                stream, number = stream[self.size :], number + 1
        self.cut = len(stream)

    def _packed(self, texts: Iterable[Text]) -> Iterator[Text]:
        opened: list[list[int]] = []
        number = 0
        for name, ids in texts:
            self._prove_fits(name, ids)
            place = next((one for one in opened if len(one) + len(ids) <= self.size), None)
            if place is None:
                opened.append([*self.opening, *ids])
            else:
                place += ids
            if len(opened) > _OPEN:
                yield f"block-{number}", opened.pop(0)
                number += 1
        yield from ((f"block-{number + more}", block) for more, block in enumerate(opened))

    def _each(self, texts: Iterable[Text]) -> Iterator[Text]:
        for name, ids in texts:
            self._prove_fits(name, ids)
            yield name, [*self.opening, *ids]

    def _prove_fits(self, name: str, ids: list[int]) -> None:
        if len(self.opening) + len(ids) > self.size:
            said = f"the text {name} has {len(ids)} tokens, more than max_length {self.size}"
            raise DataError(f"{said}; leave such texts out by `fit` first, or set packing: group")
