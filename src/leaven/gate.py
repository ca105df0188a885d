"""A gate for continuous integration: is a run worse than another by more than is allowed?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leaven import against
from leaven.comparison import Comparison
from leaven.errors import Problem, StudyError, did_you_mean
from leaven.readers.brought import Brought
from leaven.readers.paired import Paired, pair
from leaven.readers.unscored import usable
from leaven.report.findings import MetricInfo
from leaven.stats.coherence import harm
from leaven.stats.families import margin_of, named

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 1e-9  # a difference that equals the margin but for rounding is within it
_DIRECTIONS = ("higher", "lower")


@dataclass(frozen=True)
class Verdict:
    """One metric of one arm held against its margin. ``worse`` is the change in the harmful direction, in its unit.

    ``said`` is why nothing could be compared, and ``is_open`` that this is no harm of the arm's: both sides measured
    the metric, and no value of one has a partner in the other. ``lost`` counts the pairs that the baseline has and
    the arm lacks.

    ``worse_low`` and ``worse_high`` bound it at 90 %: the upper one is the one-sided 95 % bound that non-inferiority
    is judged by. They are null where there is no honest interval, and ``worse`` too where nothing could be compared.
    """

    arm: str
    metric: MetricInfo
    margin: float
    passed: bool
    comparison: Comparison | None = None
    worse: float | None = None
    worse_low: float | None = None
    worse_high: float | None = None
    said: str | None = None
    is_open: bool = False
    lost: int = 0

    @property
    def is_thin(self) -> bool:
        """Whether too many pairs are missing on one side: what is left says little of the whole."""
        return self.comparison is not None and self.comparison.is_thin

    @property
    def is_shown(self) -> bool:
        """Whether a regression beyond the margin is shown: the whole interval lies beyond it."""
        return self.worse_low is not None and self.worse_low > self.margin

    @property
    def is_excluded(self) -> bool:
        """Whether non-inferiority is shown: the whole interval lies within the margin."""
        return self.worse_high is not None and self.worse_high < self.margin


def gate(
    run: str,
    to: str,
    margin: Mapping[str, float],
    *,
    arm: str | None = None,
    better: Mapping[str, str] | None = None,
    strict: bool = False,
    workspace: str | Path | None = None,
) -> list[Verdict]:
    """Hold a run against another: a verdict for each arm and each metric that has a margin.

    Arms of the same name are compared, or ``arm`` alone. A metric fails where it is worse by more than its margin,
    where one side lacks it, or lacks more than a fifth of its items, or the whole arm; with ``strict`` also where
    non-inferiority is not shown, or the arm lacks a value that the baseline has. It is open where both sides measured
    it, and nothing of it is paired. ``better`` says "higher" or "lower" of metrics whose direction is not known; a
    metric without a direction may change neither way. Raises StudyError for metrics and arms that are on neither side,
    and for no margin at all.
    """
    from leaven.stats.compare import compare

    better = dict(better or {})
    base, candidate = _only(against.opened([to, run], workspace), arm)
    metrics = {(one.suite, one.name): one for one in against.metrics([base, candidate])}
    _refuse(margin, better, sorted(metrics))
    directed = [_directed(one, better) for one in metrics.values()]
    _refuse_percent(_held(directed, margin))
    absent = _absent(base, candidate)
    failed = [
        Verdict(name, metric, width, passed=False) for name in absent for metric, width in _held(directed, margin)
    ]
    if set(base.arms) <= set(absent):
        return failed
    paired = pair([base, candidate])
    return [*_judged(paired, compare(paired.measurements, to=paired.to), _held(directed, margin), strict), *failed]


def _only(sources: Sequence[Brought], arm: str | None) -> list[Brought]:
    """Return the sources with one arm alone, where one is named; raises StudyError if it is on neither side."""
    if arm is None:
        return list(sources)
    there = {name for source in sources for name in source.arms}
    if arm not in there:
        raise StudyError([Problem("--arm", f"no arm is called '{arm}'", did_you_mean(arm, there))])
    return [replace(one, measurements=one.measurements[one.measurements["arm"] == arm], samples=()) for one in sources]


def _refuse(margin: Mapping[str, float], better: Mapping[str, str], columns: Sequence[tuple[str, str]]) -> None:
    """Raise StudyError for what cannot be a margin, a direction or a metric."""
    if not margin:
        raise StudyError([Problem("--margin", "a gate needs one", "write --margin METRIC=NUMBER")])
    against.known("--margin", margin, columns)
    against.known("--better", better, columns)
    wrong = [
        Problem("--margin", f"{name} has the margin {width:g}", "write a number, 0 or more")
        for name, width in margin.items()
        if not (math.isfinite(width) and width >= 0)
    ]
    wrong += [
        Problem("--better", f"{name} cannot be '{way}'", "write higher or lower")
        for name, way in better.items()
        if way not in _DIRECTIONS
    ]
    if wrong:
        raise StudyError(wrong)


def _refuse_percent(held: Sequence[tuple[MetricInfo, float]]) -> None:
    """Raise StudyError for a share's margin above 1: everything would pass it."""
    wrong = [
        Problem("--margin", f"{metric.name} is a share, and its margin {width:g} lets everything pass",
                f"did you mean {metric.name}={width / 100:g}?")
        for metric, width in held if metric.unit == "share" and width >= 1
    ]  # fmt: skip
    if wrong:
        raise StudyError(wrong)


def _directed(metric: MetricInfo, better: Mapping[str, str]) -> MetricInfo:
    """Return a metric with the direction that was given for it, the more exact name first."""
    return replace(metric, better=named(better, metric.suite, metric.name) or metric.better)


def _absent(base: Brought, candidate: Brought) -> list[str]:
    """Return the arms of the baseline that the candidate lacks; sources of one arm each are each other's partner."""
    if len(base.arms) == 1 and candidate.arms:
        return []
    return [arm for arm in base.arms if arm not in candidate.arms] or ([] if base.arms else candidate.arms)


def _held(metrics: Sequence[MetricInfo], margin: Mapping[str, float]) -> list[tuple[MetricInfo, float]]:
    """Return the metrics that have a margin, each with it."""
    widths = [(metric, margin_of(margin, metric.suite, metric.name)) for metric in metrics]
    return [(metric, width) for metric, width in widths if width is not None]


def _judged(
    paired: Paired, comparisons: Sequence[Comparison], held: Sequence[tuple[MetricInfo, float]], strict: bool
) -> Iterator[Verdict]:
    made = {(one.arm, one.suite, one.metric): one for one in comparisons if one.group is None}
    for arm in paired.to:
        for metric, width in held:
            one = made[arm, metric.suite, metric.name]
            worse, low, high = harm(one, metric.better)
            sound = worse is not None and worse <= width + _ROUNDING * max(1.0, width)
            why = against.alone(paired, one)
            verdict = Verdict(
                arm, metric, width, sound, one, worse, low, high, said=why.said if why else one.note,
                is_open=why is not None and not why.is_lacking, lost=_lost(paired.measurements, one),
            )  # fmt: skip
            enough = not strict or (verdict.is_excluded and not verdict.lost)
            yield replace(verdict, passed=sound and enough and not verdict.is_thin)


def _lost(table: pd.DataFrame, one: Comparison) -> int:
    """Count the items (under each seed) that have a value in the baseline, and none or an infinite one in the arm."""
    of_metric = table[(table["suite"] == one.suite) & (table["metric"] == one.metric)]
    good = usable(of_metric["value"])
    mine, theirs = of_metric["arm"] == one.arm, of_metric["arm"] == one.baseline
    seeds = {int(seed) for seed in of_metric.loc[mine | theirs, "seed"].dropna()} or {0}
    wanted, there, spoilt = (_pairs(of_metric[rows], seeds) for rows in (theirs & good, mine & good, mine & ~good))
    return len((wanted - there) | (wanted & spoilt))


def _pairs(rows: pd.DataFrame, seeds: set[int]) -> set[tuple[str, int]]:
    """Return item and seed of every row; what has no seed is an untrained model's, and meets every seed."""
    of = zip(rows["item_id"], rows["seed"], rows["seed"].isna(), strict=True)
    return {(item, met) for item, seed, is_untrained in of for met in (seeds if is_untrained else [int(seed)])}
