"""What a run measured of one trained model, for its card: means with intervals, and differences from the baseline."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from leaven.evaluate.measure import Measure
    from leaven.graph import Graph

_LEVEL = 0.95


@dataclass(frozen=True)
class Measured:
    """A metric's mean over a suite's items for one trained model; bounds at 95 % over items, None where none exist."""

    suite: str
    data: str | None
    metric: str
    unit: str
    better: str | None
    mean: float | None
    low: float | None
    high: float | None
    items: int
    unscored: int


def of_model(graph: Graph, run: Path, arm: str, seed: int | None) -> list[Measured]:
    """Return what the run's answer has of one trained model, in the order of the study; nothing without an answer.

    Samples are averaged within items. The interval speaks of this model on new items like these, not of the recipe.
    """
    table = _table(run)
    if table is None:
        return []
    mine = table[(table["arm"] == arm) & (table["seed"].eq(seed) if seed is not None else table["seed"].isna())]
    found = []
    for suite in graph.suites:
        for measure in (one for one in suite.measures if not one.beside):
            values = mine[(mine["suite"] == suite.name) & (mine["metric"] == measure.name)]
            if len(values):
                found.append(_measured(suite.name, suite.data, measure, values))
    return found


def _table(run: Path) -> pd.DataFrame | None:
    import pandas as pd
    import pyarrow as pa

    try:
        return pd.read_parquet(run / "measurements.parquet").astype({"seed": "Int64"})
    except (OSError, KeyError, pa.ArrowException):  # the run has no whole answer yet
        return None


def _measured(suite: str, data: str | None, measure: Measure, values: pd.DataFrame) -> Measured:
    items = values.groupby("item_id")["value"].mean()
    scored = [float(value) for value in items.dropna()]
    low, high = interval(scored)
    return Measured(
        suite, data, measure.name, measure.unit, measure.better, math.fsum(scored) / len(scored) if scored else None,
        low, high, len(scored), len(items) - len(scored),
    )  # fmt: skip


def interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the bounds of a mean at 95 %: Wilson's where every value is 0 or 1, else Student's t; None below 2 values.

    References: Wilson 1927, by statsmodels' ``proportion_confint``; scipy's ``t``.
    """
    if len(values) < 2:
        return None, None
    if set(values) <= {0.0, 1.0}:
        from statsmodels.stats.proportion import proportion_confint

        low, high = proportion_confint(sum(values), len(values), alpha=1 - _LEVEL, method="wilson")
        return round(float(low), 12), round(float(high), 12)  # without hits the lower one is 0, and not 7e-18
    import numpy as np
    from scipy import stats

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    width = float(stats.t.ppf((1 + _LEVEL) / 2, len(values) - 1)) * error
    return mean - width, mean + width


def differences(run: Path, arm: str) -> Iterator[dict[str, Any]]:
    """Yield the comparisons of an arm with its baseline over all items, as ``comparisons.json`` has them."""
    try:
        every = json.loads((run / "comparisons.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    for one in every if isinstance(every, list) else ():
        wanted = one.get("arm") == arm and one.get("kind") == "difference" and one.get("group") is None
        if wanted and one.get("effect") is not None:
            yield one
