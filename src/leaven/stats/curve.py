"""Dose-response of one sweep: a two-parameter curve on the doses that were reached, and which dose is tolerated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class DosePoint:
    """One dose of a sweep: what it reached on average, the arms' mean there, and its difference to the baseline."""

    arm: str
    dose: float  # as declared
    realised: float  # the mean over runs of changed / eligible rows; the declared dose where nobody counted
    mean: float
    isotonic: float  # the monotone fit, drawn without a band


@dataclass(frozen=True)
class Fit:
    """What a sweep says of one metric over all items; every number is null where the data cannot carry it.

    ``model`` is "logit-linear" for outcomes between 0 and 1, else "linear"; ``slope`` is per unit of realised dose on
    that scale. ``curve`` holds (dose, value, low, high) to be drawn; low and high are null without a band.
    ``ed50`` is where the curve is halfway between its ends, given only inside the tested range.
    ``tolerated_tested`` is the largest tested dose that passes equivalence, going up from the lowest (0 passes always:
    None means that not even the lowest tested dose does); ``tolerated_curve`` the lower bound of the dose where the
    fitted curve leaves the margin.
    """

    sweep: str
    baseline: str
    suite: str
    metric: str
    model: str
    points: Sequence[DosePoint]
    curve: Sequence[tuple[float, float, float | None, float | None]] = ()
    slope: float | None = None
    slope_low: float | None = None
    slope_high: float | None = None
    ed50: float | None = None
    ed50_low: float | None = None
    ed50_high: float | None = None
    margin: float | None = None
    tolerated_tested: float | None = None
    tolerated_curve: float | None = None
    n_runs: int = 0
    n_seeds: int = 0
    note: str | None = None
