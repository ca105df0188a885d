"""What a trend was fitted over: its arms, its range of doses, the means at both ends, and the doses that it lacks.

The range is the one that stats fitted, never the one that was declared: a trend says nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaven.comparison import Comparison
from leaven.report.findings import ArmInfo, Findings
from leaven.report.means import Column, Mean, Means, is_baseline
from leaven.report.numbers import dose as written
from leaven.report.numbers import is_number
from leaven.report.text import clip
from leaven.stats.doses.dose import series_of

NOT_TRAINED = "was not trained"  # so it is no point of any trend, by the study's design


def series(findings: Findings, arm: ArmInfo) -> str:
    """Return the series of arms that one belongs to, as in stats: its name without the dose."""
    return series_of(arm.name, findings.dose_name or "")


def swept(findings: Findings, c: Comparison) -> list[ArmInfo]:
    """Return the declared arms of a trend's sweep by rising dose, the baseline among them.

    Arms whose names have no ``@`` make one series, which stats calls by what their names share.
    """
    dosed = [arm for arm in findings.arms if is_number(arm.dose) and not findings.is_replicate(arm)]
    called = {series(findings, arm) for arm in dosed if not is_baseline(findings, arm)}
    own = c.arm if c.arm in called else ""
    among = [
        arm
        for arm in dosed
        if arm.name == c.baseline or (series(findings, arm) == own and not is_baseline(findings, arm))
    ]
    return sorted(among, key=lambda arm: (arm.dose or 0.0, not is_baseline(findings, arm)))


def dose_name(findings: Findings, c: Comparison) -> str | None:
    """Return the dose that a trend is over: a grid's stands in the trend's name ("grid: dose")."""
    own = c.arm.rpartition(": ")[2] if c.test.startswith("trend: ") and ": " in c.arm else None
    return own or findings.dose_name


def dose_range(c: Comparison) -> tuple[float, float] | None:
    """Return the lowest and the highest dose that a trend was fitted over, or None where nobody said."""
    low, high = c.dose_low, c.dose_high
    return (low, high) if is_number(low) and is_number(high) and low < high else None


def fitted_ends(c: Comparison) -> tuple[float, float] | None:
    """Return the means at the lowest and the highest dose, over the answers that the trend was fitted on."""
    low, high = c.baseline_mean, c.mean
    return (low, high) if is_number(low) and is_number(high) else None


def _mean(found: Means, arm: ArmInfo, c: Comparison) -> Mean:
    return found.get((arm.name, Column(c.suite, c.metric, c.group)), Mean())


def _fitted(findings: Findings, found: Means, c: Comparison) -> list[ArmInfo]:
    """Return a sweep's arms that have runs within the fit; without any at hand, those within its range."""
    spread = dose_range(c)
    if spread is None:
        return []
    within = [arm for arm in swept(findings, c) if arm.dose is not None and spread[0] <= arm.dose <= spread[1]]
    return [arm for arm in within if _has_runs(_mean(found, arm, c))] or within


def _has_runs(mean: Mean) -> bool:
    """Say whether a mean is one over training runs: what was not trained has no seed, and is in no trend."""
    return any(seed is not None for seed in mean.by_seed)


def lacking(findings: Findings, found: Means, c: Comparison) -> list[str]:
    """Say of each declared dose that is not in a trend's fit that it is missing, and why."""
    there = {arm.dose for arm in _fitted(findings, found, c)}
    by_dose: dict[float, list[ArmInfo]] = {}
    for arm in swept(findings, c) if there else []:
        if arm.dose is not None and arm.dose not in there:
            by_dose.setdefault(arm.dose, []).append(arm)
    return [f"dose {written(dose)} is missing: {_why(found, arms, c)}" for dose, arms in by_dose.items()]


def _why(found: Means, arms: Sequence[ArmInfo], c: Comparison) -> str:
    named = " and ".join(clip(arm.name, 60) for arm in arms)
    means = [mean for arm in arms if (mean := _mean(found, arm, c)).value is not None]
    if not means:
        return f"nothing was scored for {named}"
    return f"{named} is not part of the trend" if any(map(_has_runs, means)) else f"{named} {NOT_TRAINED}"
