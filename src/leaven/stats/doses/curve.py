"""Dose-response of one sweep: a two-parameter curve on the doses that were reached, and which dose is tolerated.

Outcomes between 0 and 1 get a logit line, others a straight one. The fit speaks of the pairs that a trend speaks of:
items and seeds that were scored in every arm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from leaven.comparison import joined
from leaven.stats import effects
from leaven.stats.doses import tolerated
from leaven.stats.doses.dose import Sweep
from leaven.stats.doses.ed50 import ed50
from leaven.stats.doses.line import Line, Runs, line
from leaven.stats.doses.reached import runs_of
from leaven.stats.table import Cube

_STEPS = 60  # points of a drawn curve
_ALPHA = 0.10  # of all doses together: 0-8 % of nearly straight lines were called bent (scripts/simulate_doses.py)


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
    that scale. ``curve`` holds (dose, value, low, high) to be drawn: a 95 % band for the mean of new items and new
    runs at each dose; low and high are null without a band.
    ``ed50`` is where a logit line passes 50 %, halfway between the ends 0 and 1 that it runs towards, given only
    inside the tested range and where the slope's sign is sure; an end of its interval is null where that lies beyond
    the range. A straight line has no ends, so none.
    ``tolerated_tested`` is the largest tested dose (as declared) that passes equivalence, going up from the lowest
    (0 passes always: None means that not even the lowest tested dose does); ``tolerated_curve`` the lower 95 % bound
    of the realised dose where the fitted curve leaves its value at the baseline's dose by more than the margin, never
    past a tested dose whose own mean has done so: as good as the curve's shape. It is the highest tested dose where
    the curve never leaves.
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


def fit(
    cube: Cube,
    sweep: Sweep,
    realised: Mapping[tuple[str, int], float] | None = None,
    margin: float | None = None,
) -> Fit:
    """Fit one sweep of one column.

    ``realised`` is (arm, seed) -> changed / eligible rows, the declared dose where nobody counted. ``margin`` is in
    the metric's unit.
    Under three seeds there is a curve, but no band, no interval and no tolerated dose. What cannot be fitted at all
    has the points that there are, and a note. Every interval is `inference.estimate`'s, by way of `stats.line`.
    """
    known = [one.name for one in cube.arms]
    absent = {*sweep.doses} - {*known} | {*effects.lacking(cube, [name for name in sweep.doses if name in known])}
    at = {name: dose for name, dose in sweep.doses.items() if name not in absent}
    runs = runs_of(cube, at, realised or {}) if at else None
    found = Fit(
        sweep.name, sweep.baseline, cube.column.suite, cube.column.metric,
        "logit-linear" if runs is not None and runs.share else "linear", (), margin=margin,
    )  # fmt: skip
    notes = [sweep.note, f"nothing was scored for {' and '.join(sorted(absent))}" if absent else None]
    if runs is None:
        return replace(found, note=joined(*notes, "no item was scored in every arm under a common seed"))
    found = replace(found, n_runs=runs.doses.size, n_seeds=runs.doses.shape[1])
    fewer = cube.values.shape[2] - found.n_seeds
    notes.append(f"{fewer} of {cube.values.shape[2]} seeds left out: a run is missing there" if fewer else None)
    if margin is not None and _is_lowest(sweep):
        others = {name: dose for name, dose in sweep.doses.items() if name != sweep.baseline}
        found = replace(found, tolerated_tested=tolerated.tested(cube, others, sweep.baseline, margin))
    elif margin is not None:
        notes.append("some doses lie below the baseline's: no tolerated dose")
    return _with_curve(found, runs, at, notes)


def _is_lowest(sweep: Sweep) -> bool:
    """Say whether no dose lies below the baseline's; one without a dose is below all."""
    return min(sweep.doses.values()) >= sweep.doses.get(sweep.baseline, -np.inf)


def _with_curve(found: Fit, runs: Runs, at: Mapping[str, float], notes: list[str | None]) -> Fit:
    """Add points, the curve, and what is read off it."""
    if np.ptp(runs.reached) == 0:
        notes.append("a curve needs two doses that differ")
        return replace(found, points=_points(runs, at, rising=True), note=joined(*notes))
    if runs.flat:
        mean = float(runs.means.flat[0])
        curve = tuple((dose, mean, None, None) for dose in _places(runs))
        notes.append("every run has the same mean: the curve is flat, and nothing shows how sure that is")
        return replace(found, points=_points(runs, at, rising=True), curve=curve, slope=0.0, note=joined(*notes))
    made = line(runs)
    points = _points(runs, at, rising=made.coefs[1] >= 0)
    low, high = made.interval(made.slope()) or (None, None)
    drawn = replace(
        found, points=points, curve=tuple(_drawn(made)), slope=float(made.coefs[1]), slope_low=low, slope_high=high
    )
    return _read_off(drawn, made, [*notes, *made.notes(), _misfit(made, points)])


def _read_off(found: Fit, made: Line, notes: list[str | None]) -> Fit:
    """Add ED50 and the dose that the curve tolerates."""
    half, low, high, why = ed50(made, _places(made.runs)) if made.runs.share else (None, None, None, None)
    bound = None
    starts = [point for point in found.points if point.arm == found.baseline]
    if found.margin is not None and not starts:
        notes.append("the baseline is not on the curve: no tolerated dose by it")
    elif found.margin is not None and starts[0].realised <= found.points[0].realised:
        bound = tolerated.by_curve(made, starts[0].realised, found.margin, _trusted(made, found, starts[0]))
    return replace(found, ed50=half, ed50_low=low, ed50_high=high, tolerated_curve=bound, note=joined(*notes, why))


def _trusted(made: Line, found: Fit, start: DosePoint) -> list[float]:
    """Return the drawn doses up to the first tested one whose own mean lies beyond the margin."""
    assert found.margin is not None
    beyond = [point.realised for point in found.points if abs(point.mean - start.mean) > found.margin]
    return [dose for dose in _places(made.runs) if dose <= min(beyond, default=np.inf)]


def _places(runs: Runs) -> list[float]:
    """Return the doses of a drawn curve: the tested ones, and evenly many between each two of them."""
    tested = np.unique(runs.reached).tolist()
    steps = -(-_STEPS // (len(tested) - 1))
    between = [np.linspace(low, high, steps, endpoint=False) for low, high in pairwise(tested)]
    return [*np.concatenate(between).tolist(), tested[-1]]


def _drawn(made: Line) -> Iterator[tuple[float, float, float | None, float | None]]:
    for dose in _places(made.runs):
        band = made.interval(made.height(dose))
        low, high = made.outcome(np.array(band)).tolist() if band else (None, None)
        yield dose, made.value(dose), low, high


def _points(runs: Runs, at: Mapping[str, float], *, rising: bool) -> tuple[DosePoint, ...]:
    """Return the doses in ascending order, with the monotone means that are nearest to theirs (least squares)."""
    from scipy import optimize

    reached, means = runs.reached, np.nanmean(runs.values, axis=(1, 2))
    _, place, count = np.unique(reached, return_inverse=True, return_counts=True)
    level = np.bincount(place, weights=means) / count
    monotone = optimize.isotonic_regression(level, weights=count, increasing=rising).x[place]
    names = list(at)
    order = sorted(range(len(names)), key=lambda one: (reached[one], names[one]))
    return tuple(
        DosePoint(names[one], at[names[one]], float(reached[one]), float(means[one]), float(monotone[one]))
        for one in order
    )


def _misfit(made: Line, points: Sequence[DosePoint]) -> str | None:
    """Say where the means leave the curve by more than chance (Bonferroni over the doses), if they do."""
    missed = [made.miss(place) for place in range(len(points))]
    # A correction asks far out in the tails, where the degrees of freedom of few seeds promise too much.
    slowest = made.runs.doses.shape[1] - 1
    p = [replace(one, df=min(one.df, slowest)).p for one in missed]
    tried = [(one, place) for place, one in enumerate(p) if one is not None]
    if len({point.realised for point in points}) < 3 or not tried or min(tried)[0] * len(tried) > _ALPHA:
        return None
    arm = made.runs.arms[min(tried)[1]].name
    point = next(point for point in points if point.arm == arm)
    fitted = made.value(point.realised)
    return (
        f"the means do not follow the curve (at dose {point.dose:g} it says {fitted:.3g}, measured is"
        f" {point.mean:.3g}): trust the points before the curve"
    )
