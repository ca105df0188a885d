"""Mixtures: rows of several data sets, each with a weight (the share of its rows) and a cap (the most rows of it).

Which rows are taken depends on a hash of their ids: a larger weight contains what a smaller one takes, and what one
part takes depends on no other part. A weight above 1 repeats rows; repeats have the ids ``id#1``, ``id#2`` ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.data.canonical import excerpt
from leaven.data.treatments.draw import Draw
from leaven.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_STEP = "mixture"


@dataclass(frozen=True)
class Part:
    """One data set's part: its name in the study, the table of its rows, and how many of them are taken."""

    name: str
    path: Path
    weight: float = 1.0
    cap: int | None = None


@dataclass(frozen=True)
class Taken:
    """Some rows that one part gives, repeats included, and those of its rows that are left out."""

    part: str
    rows: pa.RecordBatch
    drops: list[tables.Row]


def copies(numbers: NDArray[np.float64], weight: float, cap: int | None) -> NDArray[np.int64]:
    """Return how often each row is taken: round(weight x rows) in all, at most ``cap``; low numbers come first."""
    import numpy as np

    rows = len(numbers)
    total = int(weight * rows + 0.5) if cap is None else min(cap, int(weight * rows + 0.5))
    each, more = divmod(total, rows) if rows else (0, 0)
    taken = np.full(rows, each, dtype=np.int64)
    taken[np.argsort(numbers, kind="stable")[:more]] += 1
    return taken


def mix(parts: Sequence[Part], seed: int) -> Iterator[Taken]:
    """Yield the parts' rows in order, in batches; raises DataError where two parts hold the same row, or two kinds."""
    kind(parts)
    draw = Draw(seed, _STEP)
    numbers = {part.name: _numbers(part.path, draw) for part in parts}
    _refuse_shared(parts, numbers)
    for part in parts:
        taken = copies(numbers[part.name], part.weight, part.cap)
        at = 0
        for read in tables.batches(part.path):
            yield _taken(read, taken[at : at + read.num_rows], part)
            at += read.num_rows


def kind(parts: Sequence[Part]) -> str:
    """Return the kind that all parts are of; raises DataError if they are of two."""
    kinds = {part.name: tables.kind(part.path) for part in parts}
    first = next(iter(kinds))
    other = next((name for name in kinds if kinds[name] != kinds[first]), None)
    if other is not None:
        raise DataError(
            f"a mixture holds rows of one kind: {first} is of {kinds[first]}, {other} of {kinds[other]}; "
            "leave one of them out, or read it in another format"
        )
    return kinds[first]


def _numbers(path: Path, draw: Draw) -> NDArray[np.float64]:
    import numpy as np

    ids = (row_id for batch in tables.batches(path, ["id"]) for row_id in batch.column("id").to_pylist())
    return np.fromiter(map(draw.uniform, ids), dtype=np.float64)


def _refuse_shared(parts: Sequence[Part], numbers: Mapping[str, NDArray[np.float64]]) -> None:
    """Two parts with the same row would train it twice unseen: equal ids have equal numbers."""
    import numpy as np

    for index, part in enumerate(parts):
        for other in parts[:index]:
            shared = len(np.intersect1d(numbers[part.name], numbers[other.name]))
            if shared:
                raise DataError(
                    f"{other.name} and {part.name} hold {shared} equal rows of one source; take disjoint rows of it "
                    "(`part: [0, 0.5]` and `part: [0.5, 1]`), or name it once with a larger weight"
                )


def _taken(read: pa.RecordBatch, times: NDArray[np.int64], part: Part) -> Taken:
    import numpy as np
    import pyarrow as pa

    at = np.repeat(np.arange(len(times)), times)
    again = np.arange(len(at)) - np.repeat(np.cumsum(times) - times, times)  # 0, 1, 2 ... within each row
    rows = read.take(pa.array(at))
    ids = [f"{one}#{n}" if n else one for one, n in zip(rows.column("id").to_pylist(), again.tolist(), strict=True)]
    rows = rows.set_column(rows.schema.get_field_index("id"), "id", pa.array(ids, pa.string()))
    lost = read.select(["id", "prompt"]).take(pa.array(np.flatnonzero(times == 0))).to_pylist()
    reason = f"not taken: {part.name} has weight {part.weight:g}" + (f" and cap {part.cap}" if part.cap else "")
    drops = [{"id": one["id"], "reason": reason, "excerpt": excerpt(one["prompt"][-1]["content"])} for one in lost]
    return Taken(part.name, rows, drops)
