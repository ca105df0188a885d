"""What a chart shows, as plain numbers: points with their places, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.fitted import series
from leaven.report.means import Column, Mean, Means, arms, is_baseline
from leaven.report.text import label
from leaven.stats.families import margin_of

GAP = 0.85  # between the doses and the arms that have none, and between these
MOST_APART = 6  # arms without a dose that stand beside the doses
BESIDE = 0.24  # from the baseline to its A/A arm


@dataclass(frozen=True)
class Point:
    """One arm in a chart. ``low``/``high`` bound the difference to the baseline, placed around the baseline's mean."""

    arm: str
    role: str  # "baseline" | "A/A" | "dose" | "other"
    series: str
    place: float
    mean: float | None
    low: float | None = None
    high: float | None = None
    by_seed: Sequence[float] = ()
    seeds: Sequence[int | None] = ()  # whose means ``by_seed`` holds
    effect: float | None = None
    around: float | None = None  # the mean of the arm that it is compared with


@dataclass(frozen=True)
class Curve:
    """One metric over the arms of a study, ready to be drawn."""

    about: MetricInfo
    points: Sequence[Point]
    ticks: Sequence[tuple[float, str]]
    axis: str
    baseline: str
    baseline_mean: float | None
    margin: float | None


def has_doses(findings: Findings) -> bool:
    """Say whether at least two different doses were declared."""
    return len({arm.dose for arm in findings.arms if arm.dose is not None}) > 1


def dose_curve(findings: Findings, found: Means, column: Column) -> Curve:
    """Place the arms of a metric along evenly spaced doses; arms without a dose stand apart on the right."""
    every = arms(findings, found)
    places, ticks = _places(findings, every)
    return _curve(findings, found, column, places, ticks)


def contrasts(findings: Findings, column: Column) -> dict[str, Comparison]:
    """Return the arms' differences in one metric, by arm."""
    every = (c for c in findings.comparisons if c.kind == "difference")
    return {c.arm: c for c in every if Column(c.suite, c.metric, c.group) == column}


def bounds(c: Comparison | None) -> tuple[float, float] | None:
    """Return a comparison's 95 % interval, or None where it has none."""
    return (c.low, c.high) if c is not None and numbers.is_number(c.low) and numbers.is_number(c.high) else None


def placed(c: Comparison | None, unit: str) -> tuple[float, float] | None:
    """Return a difference's interval around the mean that it is a difference to; that of a share within 0 and 1."""
    both = bounds(c)
    if c is None or both is None or not numbers.is_number(c.baseline_mean):
        return None
    low, high = c.baseline_mean + both[0], c.baseline_mean + both[1]
    return (max(low, 0.0), min(high, 1.0)) if unit == "share" else (low, high)


def _curve(
    findings: Findings, found: Means, column: Column, places: Mapping[str, float], ticks: Sequence[tuple[float, str]]
) -> Curve:
    compared_with = contrasts(findings, column)
    every = arms(findings, found)
    baseline = next((found.get((arm.name, column)) for arm in every if is_baseline(findings, arm)), None)
    compared = [c.baseline_mean for c in compared_with.values() if numbers.is_number(c.baseline_mean)]
    measured = [baseline.value] if baseline is not None and baseline.value is not None else []
    return Curve(
        about=findings.metric(column.suite, column.metric),
        points=[
            _point(findings, arm, places[arm.name], found.get((arm.name, column)), compared_with.get(arm.name))
            for arm in every
            if arm.name in places
        ],
        ticks=ticks,
        axis=label(findings.dose_name or "dose", 30),
        baseline=label(findings.baseline or "baseline", 18),
        baseline_mean=None if findings.has_baselines else next(iter([*measured, *compared]), None),
        margin=margin_of(findings.margin, column.suite, column.metric),
    )


def _places(findings: Findings, every: Sequence[ArmInfo]) -> tuple[dict[str, float], list[tuple[float, str]]]:
    """Return each arm's place and the names under the axis; a second line names the baseline."""
    doses = sorted({arm.dose for arm in every if arm.dose is not None})
    at = {dose: float(place) for place, dose in enumerate(doses)}
    names = {place: numbers.dose(dose) for dose, place in at.items()}
    # A baseline that declares no dose stands left of the lowest one, never on it.
    base_dose = next((arm.dose for arm in every if is_baseline(findings, arm)), None)
    base = -1.0 if base_dose is None else at[base_dose]
    places: dict[str, float] = {}
    apart = len(doses) - 1 + 0.15
    for arm in every:
        if findings.has_baselines and arm.dose is not None:
            places[arm.name] = at[arm.dose]  # each sweep's own baseline is the first point of its line
        elif is_baseline(findings, arm):
            places[arm.name] = base
            names[base] = f"{names.get(base, '')}\n{label(arm.name, 12)}"
        elif findings.is_replicate(arm):
            places[arm.name] = base + BESIDE
        elif arm.dose is not None:
            places[arm.name] = at[arm.dose]
        elif apart < len(doses) - 1 + MOST_APART * GAP:
            apart += GAP
            places[arm.name] = apart
            names[apart] = f"\n{label(arm.name, 13)}"
    return places, sorted(names.items())


def _point(findings: Findings, arm: ArmInfo, place: float, mean: Mean | None, c: Comparison | None) -> Point:
    value = mean.value if mean is not None else c.mean if c is not None and numbers.is_number(c.mean) else None
    low, high = bounds(c) or (None, None)
    return Point(
        arm=arm.name,
        role=role(findings, arm),
        series=series(findings, arm),
        place=place,
        mean=value,
        low=low,
        high=high,
        by_seed=list(mean.by_seed.values()) if mean is not None else [],
        seeds=list(mean.by_seed) if mean is not None else [],
        effect=c.effect if c is not None and numbers.is_number(c.effect) else None,
        around=c.baseline_mean if c is not None and numbers.is_number(c.baseline_mean) else None,
    )


def role(findings: Findings, arm: ArmInfo) -> str:
    """Return an arm's part in a chart: "baseline" | "A/A" | "dose" | "other"."""
    if is_baseline(findings, arm) and not (findings.has_baselines and arm.dose is not None):
        return "baseline"
    return "A/A" if findings.is_replicate(arm) else "other" if arm.dose is None else "dose"
