"""Worlds of 0/1 answers whose truth is known.

An item has a difficulty and an own response to the arm; a run shifts all its items on the logit by normal noise;
every arm x seed is its own run. An untrained world (0 seeds) has one answer per item and no run noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from leaven.stats.effects import Contrast
from leaven.stats.table import Arm

Floats = NDArray[np.float64]
Difficulties = Callable[[np.random.Generator, int | tuple[int, int]], Floats]


def _alike(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    return np.full(shape, -0.5)


def _clustered(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    return draw.normal(-0.5, 1.5, shape)


def _skewed(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    """Return most near 0 %, with a long tail."""
    return -5 + draw.exponential(2.0, shape)


def _rare(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    return draw.normal(-5.0, 1.0, shape)


def _ceiling(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    return draw.normal(5.0, 2.0, shape)


def _disposed(draw: np.random.Generator, shape: int | tuple[int, int]) -> Floats:
    """Return 3 % that stay at 0 in every run, whatever the arm; a shift of 80 takes all others from 0 to 1."""
    return np.where(draw.random(shape) < 0.03, -200.0, -40.0)


ITEMS: dict[str, Difficulties] = {
    "alike": _alike, "clustered": _clustered, "skewed": _skewed, "rare": _rare, "ceiling": _ceiling,
    "disposed": _disposed,
}  # fmt: skip
RESPONSE_SD = 0.7
TRUTH_ITEMS = 1_000_000
NOISES = (0.0, 0.15, 0.3)
SEEDS = (3, 5, 10)


@dataclass(frozen=True)
class World:
    """What the simulated studies of a row are like. ``response`` is how much items differ in it (SD on the logit)."""

    items: str
    noise: float
    shift: float
    n_items: int
    n_seeds: int
    response: float = RESPONSE_SD

    def rates(self, draw: np.random.Generator, n_items: int, n_seeds: int) -> Floats:
        """Return success rates, arms x items x seeds."""
        base = ITEMS[self.items](draw, (n_items, 1))
        arm = base + self.shift + self.response * draw.normal(size=(n_items, 1))
        runs = self.noise * draw.normal(size=(2, 1, n_seeds))
        return np.asarray(expit(np.stack([arm, base]) + runs), dtype=np.float64)

    def answers(self, draw: np.random.Generator) -> Floats:
        """Return 0/1 answers, arms x items x seeds (one layer where nobody is trained)."""
        rates = self.rates(draw, self.n_items, max(self.n_seeds, 1))
        return (draw.random(rates.shape) < rates).astype(float)

    def population(self, draw: np.random.Generator, n: int = TRUTH_ITEMS) -> Floats:
        """Return rates of many new items, each in a run of its own: arms x items."""
        base = ITEMS[self.items](draw, n)
        arm = base + self.shift + self.response * draw.normal(size=n)
        noise = self.noise * draw.normal(size=(2, n))
        return np.asarray(expit(np.stack([arm, base]) + noise), dtype=np.float64)

    def truth(self) -> float:
        """Return the mean effect in the population, by brute force."""
        arm, base = self.population(np.random.default_rng(0))
        return float(np.mean(arm - base))


def contrast(values: Floats, *, trained: bool = True, binary: bool = True) -> Contrast:
    """Make the difference of two arms from values, arms x items x seeds (NaN = missing in both arms)."""
    arms = (Arm("arm", None, trained), Arm("base", None, trained))
    n_items, n_seeds = values.shape[1:]
    bounds = (-1.0, 1.0) if binary else None
    weights = np.array([1.0, -1.0])
    return Contrast(
        arms, weights, values, values[0] - values[1], n_items, n_seeds if trained else 0, 0, 0, bounds, single=True
    )  # fmt: skip


def with_holes(values: Floats, draw: np.random.Generator, share: float = 0.1) -> Floats:
    """Return the values with pairs missing at random; items that lost every pair are gone."""
    holes = np.where(draw.random(values.shape[1:]) < share, np.nan, values)
    return holes[:, ~np.isnan(holes[0]).all(axis=1)]
