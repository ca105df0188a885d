"""A run of Leaven: the measurements in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import rows as tables
from leaven.errors import ReportError
from leaven.readers.brought import Brought
from leaven.registry import METRICS
from leaven.report import scored
from leaven.report.findings import MetricInfo

if TYPE_CHECKING:
    import pandas as pd

TABLE = "measurements.parquet"


def read(folder: Path) -> Brought:
    """Read the measurements of a run's folder; raises ReportError if it has no answer, or measured nothing yet."""
    import pyarrow as pa

    try:
        table = tables.read(folder / TABLE).cast(tables.schema("measurements")).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        remedy = f"run the study, or `leaven report {folder.name}` makes its answer again"
        raise ReportError(f"{folder} has no {TABLE} that can be read; {remedy}") from error
    metrics = list(_metrics(table))
    kept = scored.without(table, scored.printed(metrics))
    if not len(kept):
        raise ReportError(f"the run {folder} has no measurements yet; `leaven run` goes on with it")
    return Brought(
        kind="run", label=folder.resolve().name, place=str(folder), metrics=metrics,
        measurements=kept.astype({"seed": "Int64"}).reset_index(drop=True),
    )  # fmt: skip


def _metrics(table: pd.DataFrame) -> Iterator[MetricInfo]:
    """Yield what the registry knows of each metric; one that no plug-in knows any more is a plain score."""
    known: dict[str, tuple[str, str | None, str, bool]] = {}
    for plugin in map(METRICS.get, METRICS.names()):
        about = (plugin.says, plugin.traits.get("better"), plugin.traits.get("unit", "score"))
        known |= dict.fromkeys(plugin.traits.get("values", (plugin.name,)), (*about, False))
        known |= dict.fromkeys(plugin.traits.get("beside", ()), (*about, True))
    for suite, metric in table[["suite", "metric"]].drop_duplicates().itertuples(index=False, name=None):
        yield MetricInfo(suite, metric, *known.get(metric, ()))
