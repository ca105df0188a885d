"""The fitted curves of a metric, at the places of a chart whose doses are evenly spaced."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report.findings import Findings
from leaven.report.fitted import series
from leaven.report.means import Column
from leaven.stats.doses.curve import Fit


@dataclass(frozen=True)
class Tolerated:
    """A tolerated dose: the largest one tested, or where the curve leaves the margin, by its lower bound."""

    dose: float
    place: float
    is_tested: bool


@dataclass(frozen=True)
class FitLine:
    """One sweep's fit. ``line`` holds (place, value, low, high), ``steps`` the monotone fit's (place, value)."""

    series: str
    line: Sequence[tuple[float, float, float | None, float | None]]
    steps: Sequence[tuple[float, float]]
    tolerated: Sequence[Tolerated]
    fit: Fit

    @property
    def has_band(self) -> bool:
        """Whether the curve has a band."""
        return any(low is not None and high is not None for _, _, low, high in self.line)


def fit_lines(findings: Findings, column: Column, places: Mapping[str, float]) -> list[FitLine]:
    """Return the fits of one metric; ``places`` says where each arm stands."""
    every = [fit for fit in findings.analyses.fits if (fit.suite, fit.metric) == column[:2] and column.group is None]
    made = [_fit_line(findings, fit, places) for fit in every]
    return [one for one in made if one is not None]


def realised(findings: Findings, column: Column) -> dict[str, float]:
    """Return the dose that each arm reached: as the fit counted it, else as its ledgers did."""
    by_arm: dict[str, list[float]] = {}
    for ledger in findings.ledgers:
        if ledger.realised is not None and math.isfinite(ledger.realised):
            by_arm.setdefault(ledger.arm, []).append(ledger.realised)
    counted = {arm: math.fsum(doses) / len(doses) for arm, doses in by_arm.items()}
    fits = [fit for fit in findings.analyses.fits if (fit.suite, fit.metric) == column[:2]]
    return counted | {point.arm: point.realised for fit in fits for point in fit.points}


def _fit_line(findings: Findings, fit: Fit, places: Mapping[str, float]) -> FitLine | None:
    known = [p for p in fit.points if p.arm in places and math.isfinite(p.realised)]
    at = sorted({p.realised: places[p.arm] for p in known}.items())
    if len(at) < 2:
        return None
    whose = next((p.arm for p in known if p.arm != fit.baseline), fit.baseline)
    arm = next((arm for arm in findings.arms if arm.name == whose), None)
    curve = [(x, y, low, high) for x, y, low, high in fit.curve if at[0][0] <= x <= at[-1][0] and math.isfinite(y)]
    rising = sorted(known, key=lambda p: p.realised)
    return FitLine(
        series=series(findings, arm) if arm is not None else fit.sweep,
        line=[(_place(at, x), y, low, high) for x, y, low, high in curve],
        steps=[(places[p.arm], p.isotonic) for p in rising if math.isfinite(p.isotonic)],
        tolerated=_tolerated(fit, at, places),
        fit=fit,
    )


def _place(at: Sequence[tuple[float, float]], dose: float) -> float:
    """Return where a dose stands that was reached between two tested ones."""
    import numpy as np

    return float(np.interp(dose, [x for x, _ in at], [place for _, place in at]))


def _tolerated(fit: Fit, at: Sequence[tuple[float, float]], places: Mapping[str, float]) -> list[Tolerated]:
    made = []
    if fit.tolerated_tested not in (None, 0):  # 0 is the baseline's own dose: nothing was tested
        declared = {p.dose: places[p.arm] for p in fit.points if p.arm in places}
        place = declared.get(fit.tolerated_tested, _place(at, fit.tolerated_tested))
        made.append(Tolerated(fit.tolerated_tested, place, is_tested=True))
    if fit.tolerated_curve is not None and at[0][0] <= fit.tolerated_curve <= at[-1][0]:
        made.append(Tolerated(fit.tolerated_curve, _place(at, fit.tolerated_curve), is_tested=False))
    return made
