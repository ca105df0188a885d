"""The index of a suite: the training data in two parts, and a held-out part that is as large as the first of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import DataError
from leaven.score.verbatim.pool import Pool
from leaven.score.verbatim.slices import Pieces, slices
from leaven.score.verbatim.suffixes import Shard, write

if TYPE_CHECKING:
    from leaven.score.verbatim.suffixes import Places, Query

SHARD = 2**27  # bytes of text: five times that is sorted in memory, whatever the corpus
PARTS = ("slice", "rest", "held_out")
_ABOUT = "index.json"
_LAYOUT = 1  # raised with the files' meaning

Texts = Iterable[tuple[str, str]]  # the id of a row, and a text of it


def build(folder: Path, of: Texts, held_out: Texts, *, seed: int = 0, shard: int = SHARD) -> dict[str, Any]:
    """Write an index of training and held-out texts into an empty folder; return what stands in it, in numbers.

    ``slice`` and ``held_out`` have the same number of bytes, drawn by ``seed``; ``rest`` is all other training text.
    Each distinct text stands in it once. Raises DataError where one of the two holds no text, or all held-out texts
    are trained on.
    """
    beside = folder / "pools"
    with Pool(beside / "of", seed) as ours, Pool(beside / "held_out", seed) as theirs:
        for pool, texts in ((ours, of), (theirs, held_out)):
            for row_id, text in texts:
                pool.add(row_id, text)
    found = slices(ours, theirs)
    parts = {"slice": (ours, found.slice), "rest": (ours, found.rest), "held_out": (theirs, found.held_out)}
    about = {name: _part(folder, name, pool, pieces, shard) for name, (pool, pieces) in parts.items()}
    shutil.rmtree(beside)
    (folder / _ABOUT).write_text(json.dumps({"layout": _LAYOUT, "parts": about}), encoding="utf-8")
    sizes = {f"{name}_{what}": about[name][what] for name in PARTS for what in ("texts", "bytes")}
    counted = {"blank": ours.blank + theirs.blank, "duplicates": found.duplicates, "overlap": found.overlap}
    return {**sizes, **counted, "shards": sum(one["shards"] for one in about.values())}


def _part(folder: Path, name: str, pool: Pool, pieces: Pieces, size: int) -> dict[str, int]:
    shards = 0
    for some in _sharded(pool, pieces, size):
        rows = ((pool.text(number, length), pool.row_id(number)) for number, length in some)
        write(folder / f"{name}.{shards}", rows)
        shards += 1
    lengths = pool.lengths
    whole = sum(int(lengths[number]) if length is None else len(pool.text(number, length)) for number, length in pieces)
    return {"texts": len(pieces), "bytes": whole, "shards": shards}


def _sharded(pool: Pool, pieces: Pieces, size: int) -> Iterator[Pieces]:
    """Yield the texts of each shard: as many as fit, and one at least."""
    lengths, some, full = pool.lengths, Pieces(), 0
    for piece in pieces:
        more = int(lengths[piece[0]]) + 1
        if some and full + more > size:
            yield some
            some, full = Pieces(), 0
        some.append(piece)
        full += more
    if some:
        yield some


@dataclass(frozen=True)
class Found:
    """Of each place that was looked for: how many bytes from there stand in a part, and where: shard and place."""

    bytes: Places
    shards: Places
    places: Places


class Index:
    """An index on the disk; opening it reads hardly anything."""

    def __init__(self, folder: Path):
        self.about = _about(folder)
        self._shards = {
            name: [Shard(folder / f"{name}.{number}") for number in range(self.about[name]["shards"])] for name in PARTS
        }

    def longest(self, part: str, query: Query, at: Places) -> Found:
        """Return the longest match in a part from each place of a query, as ``suffixes.Shard.longest`` does in one."""
        import numpy as np

        found = Found(np.zeros_like(at), np.zeros_like(at), np.zeros_like(at))
        for number, shard in enumerate(self._shards[part]):
            lengths, places = shard.longest(query, at)
            more = lengths > found.bytes
            found.bytes[more], found.places[more], found.shards[more] = lengths[more], places[more], number
        return found

    def row_id(self, part: str, shard: int, place: int) -> str:
        """Return the id of the row in which a match stands."""
        return self._shards[part][shard].row_id(place)


def _about(folder: Path) -> dict[str, dict[str, int]]:
    said = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    if said["layout"] != _LAYOUT:
        raise DataError(f"{folder} is an index of another version of Leaven; build it again")
    parts: dict[str, dict[str, int]] = said["parts"]
    return parts
