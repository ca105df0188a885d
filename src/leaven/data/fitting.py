"""Rows that fit a model: canonical rows go by in batches, and those that do not fit are left out and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from leaven import rows as tables
from leaven.data.canonical import Batch
from leaven.data.chat import Misfit
from leaven.errors import DataError
from leaven.rows import Row

_LENGTH = re.compile(r"(\d+) tokens")
Misfits = Callable[[list[Row]], list[Misfit | None]]


def fitting(
    table: Path,
    misfits: Misfits,
    none_fits: Callable[[int], str],
    change: Callable[[Row], Row] | None = None,
    remedy: str = "",
) -> Iterator[Batch]:
    """Yield the rows of a table for which there is no misfit; ``change`` is done to each row before that is asked.

    Raises DataError at the end if no row fits: in the words of ``none_fits``, which is told the least number of tokens
    that a row needs, where all were too long; else with the last reason, and the ``remedy``.
    """
    kept, rows_in = 0, 0
    needed: list[int] = []
    reason = ""
    for read in tables.batches(table):
        rows = read.to_pylist() if change is None else list(map(change, read.to_pylist()))
        batch = Batch(rows_in=len(rows))
        for row, misfit in zip(rows, misfits(rows), strict=True):
            if misfit is None:
                batch.rows.append(row)
            else:
                reason, seen = misfit
                batch.drops.append({"id": row["id"], "reason": reason, "excerpt": seen})
                needed += [int(length[1])] if (length := _LENGTH.fullmatch(seen)) else []
        kept, rows_in = kept + len(batch.rows), rows_in + batch.rows_in
        yield batch
    if not kept and rows_in and len(needed) == rows_in:
        raise DataError(none_fits(min(needed)))
    if not kept:
        raise DataError(f"none of the {rows_in} rows can be used: {reason or 'there are none'}{remedy}")
