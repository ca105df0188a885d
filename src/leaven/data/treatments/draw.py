"""Which rows a treatment hits, and what it did to them.

The draw is a hash of (row id, step, seed), not a running random state: rows treated at 1 % are a subset of those at
5 %, any sharding gives the same rows, and two steps hit different rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

    from leaven.rows import Row

_SCALE = 2.0**-64
_EXCERPT = 300


@dataclass(frozen=True)
class Draw:
    """A uniform number in [0, 1) for every row id, the same whatever the rate, order or shard."""

    seed: int
    step: str

    def uniform(self, row_id: str) -> float:
        """Return the row's number; a row is treated where it is below the rate."""
        text = f"{self.seed}\x1f{self.step}\x1f{row_id}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") * _SCALE


@dataclass(frozen=True)
class Treated:
    """Rows after a treatment, in the same order with the same ids, and how many could have been treated."""

    rows: Dataset
    eligible: int


def replaced(rows: Dataset, changed: Iterable[Row]) -> Dataset:
    """Return a data set of the same columns with other rows; unlike ``map`` it hashes, caches and writes nothing."""
    import pyarrow as pa
    from datasets import Dataset

    return Dataset(pa.Table.from_pylist(list(changed), schema=rows.data.table.schema))


def ledger(before: Dataset, after: Dataset, step: str) -> Iterator[dict[str, str]]:
    """Yield one line per changed row: its id, the step, what it was and what it became."""
    assert before["id"] == after["id"], f"{step} lost, added or reordered rows"
    columns = [name for name in before.column_names if name != "id"]
    for was, became in zip(before, after, strict=True):
        if was != became:
            changed = [name for name in columns if was[name] != became[name]]
            yield {"id": was["id"], "step": step, "was": _show(was, changed), "became": _show(became, changed)}


def _show(row: Any, columns: Sequence[str]) -> str:
    return " | ".join(f"{name}: {_flat(row[name])}" for name in columns)


def _flat(value: Any) -> str:
    if isinstance(value, list):
        value = " / ".join(str(turn["content"]) for turn in value)
    text = str(value)
    return text if len(text) <= _EXCERPT else text[:_EXCERPT] + "..."
