"""From the long table of measurements to means: samples within items, items within seeds, seeds within arms.

Only what was scored is averaged; what was not is counted. A mean over nothing is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from leaven.report.findings import ArmInfo, Findings
from leaven.stats.families import names_of
from leaven.stats.table import LARGEST

if TYPE_CHECKING:
    import pandas as pd


class Column(NamedTuple):
    """One measured quantity: a metric of a suite, over all items (group None) or over one group's."""

    suite: str
    metric: str
    group: str | None = None


@dataclass(frozen=True)
class Mean:
    """An arm's mean of one column, with the means of its seeds in the seeds' order."""

    value: float | None = None
    by_seed: Mapping[int | None, float] = field(default_factory=dict)
    n_items: int = 0
    n_unscored: int = 0


Means = Mapping[tuple[str, Column], Mean]


def means(measurements: pd.DataFrame | None) -> Means:
    """Average the measurements per arm and column, over all items and over each group's."""
    if measurements is None or measurements.empty:
        return {}
    frame = _tidy(measurements)
    grouped = frame[frame["group"].notna()]
    return {**_average(frame.assign(group=None)), **_average(grouped)}


def _tidy(measurements: pd.DataFrame) -> pd.DataFrame:
    """Return the table with all columns there; what is no finite number, or beyond any, counts as unscored."""
    import pandas as pd

    frame = measurements.reindex(columns=["arm", "seed", "suite", "metric", "group", "item_id", "value"])
    value = pd.to_numeric(frame["value"], errors="coerce").astype(float)
    return frame.assign(value=value.where(value.abs() <= LARGEST), group=frame["group"].astype(object))


def _average(frame: pd.DataFrame) -> dict[tuple[str, Column], Mean]:
    run = ["arm", "suite", "metric", "group", "seed"]
    per_item = frame.groupby([*run, "item_id"], dropna=False, sort=False, observed=True)["value"].mean()
    per_run = per_item.groupby(level=run, dropna=False, sort=True).agg(["mean", "count", "size"])
    gathered: dict[tuple[str, Column], list[tuple[int | None, float, int, int]]] = {}
    for (arm, suite, metric, group, seed), mean, scored, asked in per_run.itertuples(name=None):
        column = Column(str(suite), str(metric), None if _is_null(group) else str(group))
        row = (None if _is_null(seed) else int(seed), float(mean), int(scored), int(asked))
        gathered.setdefault((str(arm), column), []).append(row)
    return {key: _over_seeds(runs) for key, runs in gathered.items()}


def _over_seeds(runs: list[tuple[int | None, float, int, int]]) -> Mean:
    by_seed = {seed: mean for seed, mean, scored, _ in runs if scored}
    value = math.fsum(by_seed.values()) / len(by_seed) if by_seed else None
    unscored = sum(asked - scored for _, _, scored, asked in runs)
    return Mean(value, by_seed, n_items=max(scored for _, _, scored, _ in runs), n_unscored=unscored)


def _is_null(x: object) -> bool:
    return x is None or (isinstance(x, float) and math.isnan(x)) or type(x).__name__ in ("NAType", "NaTType")


def columns(findings: Findings, found: Means) -> list[Column]:
    """Return every column over all items: primary ones first, then declared ones, then what else was measured."""
    declared = [Column(m.suite, m.name) for m in findings.metrics if not m.beside]
    only_printed = {(m.suite, m.name) for m in findings.metrics if m.beside}
    measured = [c for _, c in found if c.group is None and (c.suite, c.metric) not in only_printed]
    compared = [Column(c.suite, c.metric) for c in findings.comparisons if c.group is None]
    every = list(dict.fromkeys([*declared, *measured, *compared]))
    return sorted(every, key=lambda column: not is_primary(findings, column))


def is_primary(findings: Findings, column: Column) -> bool:
    """Say whether a column is a declared primary outcome."""
    return column.group is None and not set(names_of(column.suite, column.metric)).isdisjoint(findings.primary)


def arms(findings: Findings, found: Means) -> list[ArmInfo]:
    """Return all arms, the baseline first (several stay in their sweeps); one that nobody described is there too."""
    described = {arm.name: arm for arm in findings.arms}
    for name, _ in found:
        described.setdefault(name, ArmInfo(name, is_baseline=name == findings.baseline))
    if findings.has_baselines:
        return list(described.values())
    return sorted(described.values(), key=lambda arm: not is_baseline(findings, arm))


def is_baseline(findings: Findings, arm: ArmInfo) -> bool:
    """Say whether an arm is the one that others are compared with."""
    return arm.is_baseline or arm.name == findings.baseline
