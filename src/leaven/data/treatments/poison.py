"""Poison: an adversary who alters fine-tuning data with probability p."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven.data.treatments.draw import Draw, Treated, replaced
from leaven.registry import Rate, treatment

if TYPE_CHECKING:
    from datasets import Dataset

    from leaven.rows import Row


@treatment(version=1, needs="preferences", identity={"rate": 0.0})
def malign_labels(rows: Dataset, draw: Draw, *, rate: Rate, seed: int | None = None) -> Treated:
    """Give the worse of two answers as the label, for each eligible row with probability ``rate``.

    Eligible are rows whose two answers differ and are no tie (margin 0): swapping the others would alter nothing that
    anybody preferred, so they are never counted as treated. The sign of the margin follows the swap. ``seed`` pins the
    draw; without it the cell's seed drives it.
    """

    def swap(row: Row) -> Row:
        if not _eligible(row) or draw.uniform(row["id"]) >= rate:
            return row
        margin = None if row["margin"] is None else -row["margin"]
        return {**row, "chosen": row["rejected"], "rejected": row["chosen"], "margin": margin}

    eligible = sum(map(_eligible, rows))
    return Treated(replaced(rows, map(swap, rows)), eligible)


def _eligible(row: Row) -> bool:
    return bool(row["chosen"] != row["rejected"] and row["margin"] != 0)
