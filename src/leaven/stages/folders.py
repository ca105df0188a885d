"""What all verbs share: how a stage's folders are read and written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import rows as tables

if TYPE_CHECKING:
    from leaven.data.canonical import Batches

Args = dict[str, Any]
Inputs = dict[str, Path]
Facts = dict[str, Any]


def write_batches(out: Path, kind: str, batches: Batches) -> Facts:
    """Write rows and drops as they come; every row that came in is in one of the two."""
    rows_in, reasons = 0, Counter[str]()
    with (
        tables.Writer(out / "rows.parquet", kind) as kept,
        tables.Writer(out / "drops.parquet", "drops") as dropped,
    ):
        for batch in batches:
            kept.write(batch.rows)
            dropped.write(batch.drops)
            rows_in += batch.rows_in
            reasons.update(batch.reasons())
    assert rows_in == kept.count + dropped.count, f"{rows_in} rows in, {kept.count} kept, {dropped.count} dropped"
    return {"kind": kind, "rows_in": rows_in, "rows": kept.count, "drops": dict(reasons)}


def rows_of(folder: Path) -> Path:
    """Return the table of canonical rows in a stage's folder."""
    return folder / "rows.parquet"


def table_of(folder: Path) -> Any:
    """Read the canonical rows of a stage's folder as an Arrow table."""
    return tables.read(rows_of(folder))
