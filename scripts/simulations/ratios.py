"""Coverage of the further sizes: ratio, odds ratio, Hodges and Lehmann's shift, probability of superiority."""

from __future__ import annotations

from functools import partial

import numpy as np

from leaven.comparison import Sizes
from leaven.stats import inference
from leaven.stats.differences import sizes, walsh
from simulations.studies import Floats, Studies, heading, percent, row
from simulations.worlds import NOISES, SEEDS, World, contrast

ITEM_SD, REST_SD = 1.0, 0.5  # of the logarithm of a skewed score


def _sizes(values: Floats, *, trained: bool, binary: bool) -> Sizes:
    pairs = contrast(values, trained=trained, binary=binary)
    return sizes.sizes(pairs, inference.estimate(pairs))


def _holds(low: float | None, truth: float, high: float | None) -> float:
    """Return 1 where an interval holds the truth, 0 where it misses it, NaN where there is none."""
    return np.nan if low is None or high is None else float(low <= truth <= high)


def binary(world: World, truths: tuple[float, float, float], draw: np.random.Generator) -> list[float]:
    """Say whether ratio, odds ratio and probability of superiority hold their truths."""
    found = _sizes(world.answers(draw), trained=world.n_seeds > 0, binary=True)
    return [
        _holds(found.ratio_low, truths[0], found.ratio_high),
        _holds(found.odds_ratio_low, truths[1], found.odds_ratio_high),
        _holds(found.auc_low, truths[2], found.auc_high),
    ]


def truths_of(world: World) -> tuple[float, float, float]:
    """Return ratio, odds ratio and superiority in the population."""
    arm, base = (float(mean) for mean in world.population(np.random.default_rng(0)).mean(axis=1))
    return arm / base, arm / (1 - arm) / (base / (1 - base)), 0.5 + (arm - base) / 2


def scores(world: World, draw: np.random.Generator, n_items: int | None = None) -> Floats:
    """Return skewed scores (log-normal), arms x items x seeds; shift, response and run noise are of the logarithm."""
    shape = (2, n_items or world.n_items, max(world.n_seeds, 1))
    item = ITEM_SD * draw.normal(size=(1, shape[1], 1))
    own = np.stack([world.shift + world.response * draw.normal(size=(shape[1], 1)), np.zeros((shape[1], 1))])
    runs = world.noise * draw.normal(size=(2, 1, shape[2]))
    return np.asarray(np.exp(item + own + runs + REST_SD * draw.normal(size=shape)), dtype=np.float64)


def skewed(world: World, truths: tuple[float, float], draw: np.random.Generator) -> list[float]:
    """Say whether the shift and the probability of superiority hold their truths."""
    found = _sizes(scores(world, draw), trained=world.n_seeds > 0, binary=False)
    return [
        _holds(found.shift_low, truths[0], found.shift_high),
        _holds(found.auc_low, truths[1], found.auc_high),
    ]


def truths_of_scores(world: World) -> tuple[float, float]:
    """Return the shift (its mean over run sets, in 1,500 items) and the superiority in the population."""
    draw = np.random.default_rng(0)
    shift = np.mean(
        [walsh.median(np.diff(scores(world, draw, 1_500)[::-1], axis=0)[0].mean(axis=1)) for _ in range(200)]
    )
    n = 400_000
    logs = (
        ITEM_SD * draw.normal(size=(2, n)) + world.noise * draw.normal(size=(2, n)) + REST_SD * draw.normal(size=(2, n))
    )
    logs[0] += world.shift + world.response * draw.normal(size=n)
    return float(shift), float(np.mean(logs[0] > logs[1]))


def table(on: Studies) -> None:
    """Print coverage per world and number of seeds; the last column has no runs, and so no run noise."""
    heading("outcome", "run noise", *(f"{n} seeds" for n in SEEDS), "nothing trained")
    print("| 0/1: ratio / odds ratio / superiority | | | | | |", flush=True)
    for place, items in enumerate(("clustered", "skewed", "rare")):
        for noise in NOISES:
            worlds = [World(items, noise, 1.0, 200, n) for n in _seeds(noise)]
            cells = [on.shares(partial(binary, w, truths_of(w)), 50, place, w.n_seeds, _key(w)) for w in worlds]
            row(f"200 {items}, shift 1", noise, *(" / ".join(map(percent, cell)) for cell in cells))
    print("| skewed scores: shift / superiority | | | | | |", flush=True)
    for shift in (0.0, 0.5):
        for noise in NOISES:
            worlds = [World("skewed", noise, shift, 100, n) for n in _seeds(noise)]
            cells = [on.shares(partial(skewed, w, truths_of_scores(w)), 51, w.n_seeds, _key(w)) for w in worlds]
            row(f"100 items, shift {shift:g}", noise, *(" / ".join(map(percent, cell)) for cell in cells))


def _seeds(noise: float) -> tuple[int, ...]:
    return (*SEEDS, 0) if noise == 0 else SEEDS


def _key(world: World) -> int:
    return int(100 * world.noise + 1_000 * world.shift)
