"""Values that no comparison can use: empty ones, infinite ones, and what is too large to be told from infinite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaven.readers.brought import Brought, listed
from leaven.stats.table import LARGEST

if TYPE_CHECKING:
    import pandas as pd

_TOO_LARGE = f"infinite or beyond {LARGEST:g}".replace("e+", "e")


def usable(values: pd.Series[float]) -> pd.Series[bool]:
    """Return which values a comparison can use."""
    return values.abs() <= LARGEST


def said(values: pd.Series[float]) -> str | None:
    """Say how many values cannot be used, and why: ``3 infinite or beyond 1e100, 2 not scored``; None for none."""
    empty = int(values.isna().sum())
    large = len(values) - empty - int(usable(values).sum())
    found = [f"{n:,} {why}" for n, why in ((large, _TOO_LARGE), (empty, "not scored")) if n]
    return ", ".join(found) or None


def notes(source: Brought) -> Iterator[str]:
    """Say in one line which metrics of a source have values that are not used, and how many."""
    table, several = source.measurements, source.measurements["suite"].nunique() > 1
    found = [
        f"{f'{suite}/{metric}' if several else metric} ({reason}, of {len(values):,})"
        for (suite, metric), values in table.groupby(["suite", "metric"], sort=True)["value"]
        if (reason := said(values))
    ]
    if found:
        yield f"{source.label}: values that are not used: {listed(found, longest=160)}"
