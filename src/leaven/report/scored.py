"""Which values of the long table count: those that are compared, and of these the ones that were scored."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from leaven.report.findings import Findings, MetricInfo
from leaven.stats.table import LARGEST

if TYPE_CHECKING:
    import pandas as pd


def compared(findings: Findings) -> pd.DataFrame:
    """Return the measurements without what is only printed beside them: floors and ceilings."""
    import pandas as pd

    if findings.measurements is None:
        return pd.DataFrame({"value": []})
    table = findings.measurements.reindex(columns=["arm", "suite", "metric", "group", "value"])
    return without(table, printed(findings.metrics))


def printed(metrics: Iterable[MetricInfo]) -> set[tuple[str, str]]:
    """Return the (suite, metric) pairs that are only printed beside others."""
    return {(one.suite, one.name) for one in metrics if one.beside}


def without(table: pd.DataFrame, columns: Collection[tuple[str, str]]) -> pd.DataFrame:
    """Return the long table without the rows of some (suite, metric) pairs."""
    return table.loc[[pair not in columns for pair in zip(table["suite"], table["metric"], strict=True)]]


def is_scored(table: pd.DataFrame) -> pd.Series:
    """Say of each row of the long table whether it has a value that can be counted."""
    import pandas as pd

    value = pd.to_numeric(table["value"], errors="coerce").astype(float)
    scored: pd.Series = value.abs() <= LARGEST
    return scored
