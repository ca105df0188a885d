"""Which values of the long table count: those that are compared, and of these the ones that were scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven.report.findings import Findings
from leaven.stats.table import LARGEST

if TYPE_CHECKING:
    import pandas as pd


def compared(findings: Findings) -> pd.DataFrame:
    """Return the measurements without what is only printed beside them: floors and ceilings."""
    import pandas as pd

    if findings.measurements is None:
        return pd.DataFrame({"value": []})
    table = findings.measurements.reindex(columns=["suite", "metric", "value"])
    printed = {f"{one.suite}/{one.name}" for one in findings.metrics if one.beside}
    kept: pd.DataFrame = table[~(table["suite"].astype(str) + "/" + table["metric"].astype(str)).isin(printed)]
    return kept


def is_scored(table: pd.DataFrame) -> pd.Series:
    """Say of each row of the long table whether it has a value that can be counted."""
    import pandas as pd

    value = pd.to_numeric(table["value"], errors="coerce").astype(float)
    scored: pd.Series = value.abs() <= LARGEST
    return scored
