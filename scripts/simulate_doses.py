"""Check what is read off a dose-response curve on simulated sweeps whose truth is known.

Makes a table of docs/statistics.md:

    python scripts/simulate_statistics.py doses --runs 400

Outcomes are 0 or 1, at doses 0, 0.01, 0.1, 0.33 and 1. An item has a difficulty and an own response to the dose; a
run shifts all its items on the logit by normal noise; every arm x seed is its own run. The true mean is no logit line
then, but for *alike*: slope and ED50 are held against the line that is nearest to the true means, the tolerated
doses against the true means themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit

from leaven.stats import table
from leaven.stats.doses import curve, regression
from leaven.stats.doses.dose import Sweep

Floats = NDArray[np.float64]
DOSES = np.array([0.0, 0.01, 0.1, 0.33, 1.0])
NAMES = tuple(f"p{dose:g}" for dose in DOSES)
SWEEP = Sweep("p", dict(zip(NAMES, DOSES.tolist(), strict=True)), NAMES[0])
MARGIN = 0.1
TRUTH_ITEMS = 200_000
BOOTSTRAPS = 500
CENTRES = {
    "alike": (-2.0, 0.0, 0.0),
    "clustered": (-2.0, 1.5, 0.7),
    "rare": (-5.5, 1.0, 0.7),
}  # mean, SD, response's SD


@dataclass(frozen=True)
class World:
    """One row of the table: what the simulated sweeps are like. ``rise`` is in logits over the whole range."""

    items: str
    noise: float
    rise: float
    n_items: int
    n_seeds: int

    def rates(self, draw: np.random.Generator, n_items: int, runs: Floats, doses: Floats) -> Floats:
        """Return success rates, doses x items x (seeds of ``runs``)."""
        centre, spread, response = CENTRES[self.items]
        base = centre + spread * draw.normal(size=(1, n_items, 1))
        slopes = self.rise + response * draw.normal(size=(1, n_items, 1))
        return np.asarray(expit(base + slopes * doses[:, None, None] + self.noise * runs), dtype=np.float64)

    def mean(self, doses: Floats) -> Floats:
        """Return the population's mean at each dose, over items each in a run of its own; the same draws each time."""
        draw = np.random.default_rng(7)
        runs = draw.normal(size=(1, TRUTH_ITEMS, 1))
        return np.asarray(self.rates(draw, TRUTH_ITEMS, runs, doses).mean(axis=(1, 2)), dtype=np.float64)

    def sweep(self, draw: np.random.Generator) -> table.Cube:
        """Simulate one sweep."""
        runs = draw.normal(size=(len(DOSES), 1, self.n_seeds))
        rates = self.rates(draw, self.n_items, runs, DOSES)
        return cube((draw.random(rates.shape) < rates).astype(float))


@dataclass(frozen=True)
class Truth:
    """What a world's sweeps should tell."""

    slope: float
    ed50: float
    line_leaves: float  # the dose at which that line leaves the margin; infinite where it never does
    leaves: float  # the dose at which the true mean does


def cube(values: Floats) -> table.Cube:
    """Return arms x items x seeds of outcomes 0 and 1 as a cube."""
    arms = tuple(table.Arm(name, dose, True) for name, dose in SWEEP.doses.items())
    yes = np.ones(len(arms), dtype=np.bool_)
    infinite = np.zeros(len(arms), dtype=np.int64)
    return table.Cube(
        table.Column("suite", "rate"),
        arms,
        values,
        ~np.isnan(values),
        yes,
        infinite,
        yes,
        seeds=tuple(range(values.shape[2])),
    )


def truth(world: World) -> Truth:
    """Return the line nearest to the world's means, and where these leave the margin."""
    means = world.mean(DOSES)
    design = np.stack([np.ones(len(DOSES)), DOSES], axis=1)
    level, slope = regression.coefficients(design, means, np.full(len(DOSES), 1e6), share=True)

    by_line = _leaving(lambda dose: float(expit(level + slope * dose)))
    return Truth(float(slope), float(-level / slope), by_line, _leaving(lambda dose: world.mean(np.array([dose]))[0]))


def _leaving(mean: Callable[[float], float]) -> float:
    """Return the dose at which a mean leaves the margin; infinite where it never does."""

    def beyond(dose: float) -> float:
        return abs(mean(dose) - mean(0.0)) - MARGIN

    return float(optimize.brentq(beyond, 0.0, 1.0, xtol=1e-4)) if beyond(1.0) > 0 else np.inf


def holds(low: float | None, value: float, high: float | None) -> bool:
    """Say whether an interval holds a value; an end that is None is open."""
    return (low is None or low <= value) and (high is None or value <= high)


def row(world: World, n: int, draw: np.random.Generator) -> dict[str, float]:
    """Return shares over ``n`` sweeps: what held the truth, and which tolerated doses were too high."""
    true, told = truth(world), []
    for _ in range(n):
        one = world.sweep(draw)
        fit = curve.fit(one, SWEEP, None, MARGIN)
        told.append({
            "slope": fit.slope_low is not None and holds(fit.slope_low, true.slope, fit.slope_high),
            "seeds": resampled(one.values, true.slope, draw, blocks=True),
            "runs": resampled(one.values, true.slope, draw, blocks=False),
            "ed50": holds(fit.ed50_low, true.ed50, fit.ed50_high) if fit.ed50_low or fit.ed50_high else np.nan,
            "line": (fit.tolerated_curve or 0.0) > true.line_leaves,
            "curve": (fit.tolerated_curve or 0.0) > true.leaves,
            "tested": (fit.tolerated_tested or 0.0) > true.leaves,
            "bound": (fit.tolerated_curve or 0.0) / true.leaves if np.isfinite(true.leaves) else np.nan,
            "misfit": "do not follow" in (fit.note or ""),
        })  # fmt: skip
    columns = {name: np.array([one[name] for one in told], dtype=float) for name in told[0]}
    bound = columns.pop("bound")
    middle, high = np.quantile(bound, [0.5, 0.95]) if np.isfinite(true.leaves) else (np.nan, np.nan)
    given = {"ed50 given": float(np.mean(~np.isnan(columns["ed50"]))), "median": float(middle), "95th": float(high)}
    return {name: _mean(values) for name, values in columns.items()} | given


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def resampled(values: Floats, slope: float, draw: np.random.Generator, *, blocks: bool) -> bool:
    """Say whether a percentile bootstrap of the runs (or of the seeds, as blocks) holds the slope: the rival."""
    n_doses, _, n_seeds = values.shape
    means = values.mean(axis=1)
    chosen = draw.integers(n_seeds, size=(BOOTSTRAPS, 1 if blocks else n_doses, n_seeds))
    again = means[np.arange(n_doses)[None, :, None], np.broadcast_to(chosen, (BOOTSTRAPS, n_doses, n_seeds))]
    design = np.stack([np.ones(n_doses), DOSES], axis=1)
    weights = np.full(n_doses, float(values.shape[1] * n_seeds))
    coefs = regression.coefficients(design, means.mean(axis=1), weights, share=True)
    # The line moves with the means to first order: a fit for each of the resamples would take hours.
    pull = regression.covariance(design, coefs, weights, share=True) @ (design * weights[:, None]).T
    slopes = coefs[1] + (again.mean(axis=2) - means.mean(axis=1)) @ pull[1]
    low, high = np.quantile(slopes, [0.025, 0.975])
    return bool(low <= slope <= high)


def worlds() -> Iterator[World]:
    """Yield the rows of the table."""
    for n_seeds in (3, 5, 10):
        for noise in (0.0, 0.15, 0.3):
            yield World("clustered", noise, 4.0, 200, n_seeds)
        yield World("clustered", 0.3, 0.0, 200, n_seeds)
        yield World("alike", 0.15, 4.0, 200, n_seeds)
        yield World("rare", 0.15, 5.0, 200, n_seeds)


HEADS = {
    "slope": "slope covered", "runs": "runs resampled", "seeds": "seeds resampled", "ed50": "ED50 covered",
    "ed50 given": "ED50's interval given", "line": "tolerated by curve above the line's",
    "curve": "above the true one", "median": "its share of the true one, median", "95th": "95th percentile",
    "tested": "tolerated as tested above the true one", "misfit": "misfit noted",
}  # fmt: skip


def doses_table(n: int) -> None:
    """Print the table as Markdown, in percent."""
    heads = ["seeds", "items", "run noise", "rise", *HEADS.values()]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for place, world in enumerate(worlds()):
        shares = row(world, n, np.random.default_rng([place, 4]))
        cells = [world.n_seeds, f"{world.n_items} {world.items}", world.noise, world.rise]
        found = ["" if np.isnan(shares[name]) else f"{100 * shares[name]:.1f}" for name in HEADS]
        print(f"| {' | '.join([*map(str, cells), *found])} |", flush=True)
