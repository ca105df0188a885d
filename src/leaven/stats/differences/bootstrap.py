"""An interval without a normal model: items and training runs are both drawn again, from ten seeds on.

The pigeonhole bootstrap (Owen 2007, "The pigeonhole bootstrap") draws rows and columns of the table of items by seeds
independently. On its own it counts what is left three times and a few seeds too little; studentised (Efron and
Tibshirani 1993, section 12.5, with the two-way cluster variance of Cameron, Gelbach and Miller 2011) both cancel:
93-96 % coverage at 10 seeds in simulation, where the plain percentiles covered 92-99 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.effects import Contrast
from leaven.stats.inference import LEVEL, resolution
from leaven.stats.table import Floats

MIN_SEEDS = 10
DRAWS = 2_000
_AT_ONCE = 1_000_000  # item weights that are held at a time
_MOST_FLAT = 0.01  # above this share of draws in which nothing varies there is no interval


@dataclass(frozen=True)
class _Table:
    """The differences as items x seeds: 1 where scored, the difference from their mean (0 elsewhere), its square."""

    there: Floats
    apart: Floats
    squared: Floats


def two_way(contrast: Contrast, *, seed: int, draws: int = DRAWS) -> tuple[float, float] | None:
    """Return the 95 % bootstrap-t interval of a contrast over items and seeds, clipped to what the outcome can be.

    ``seed`` is that of the draws. None below ten seeds, for a single item, and where too little varies: outcomes of 0
    and 1 whose variance is below what the items' number allows to claim, or draws in which nothing varies at all.
    """
    if contrast.n_seeds < MIN_SEEDS or contrast.n_items < 2:
        return None
    scored, effect = ~np.isnan(contrast.matrix), float(np.nanmean(contrast.matrix))
    apart = np.where(scored, contrast.matrix - effect, 0.0)
    table = _Table(scored.astype(np.float64), apart, apart**2)
    n_items, n_seeds = apart.shape
    _, own = _means(table, np.ones((1, n_items)), np.ones((1, n_seeds)))
    if own[0] ** 2 <= resolution(contrast):
        return None
    draw = np.random.default_rng(seed)
    most = max(_AT_ONCE // n_items, 1)
    moved, errors = np.concatenate(
        [
            _means(table, _weights(draw, some, n_items), _weights(draw, some, n_seeds))
            for some in (min(most, draws - done) for done in range(0, draws, most))
        ],
        axis=1,
    )
    usable = errors > 1e-9 * own[0]
    if np.mean(~usable) > _MOST_FLAT:
        return None
    tails = np.percentile(moved[usable] / errors[usable], [50 * (1 + LEVEL), 50 * (1 - LEVEL)])
    low, high = (effect - own[0] * tails).tolist()
    return (max(low, contrast.bounds[0]), min(high, contrast.bounds[1])) if contrast.bounds else (low, high)


def _weights(draw: np.random.Generator, draws: int, count: int) -> Floats:
    """Return how often each of ``count`` is drawn, in every draw (draws x count)."""
    places = draw.integers(0, count, (draws, count)) + count * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * count).reshape(draws, count).astype(np.float64)


def _means(table: _Table, items: Floats, seeds: Floats) -> Floats:
    """Return the weighted means and their standard errors (2 x draws), from weights (draws x items, draws x seeds)."""
    pairs, sums = items @ table.there, items @ table.apart
    count = np.maximum(np.sum(pairs * seeds, axis=1), 1.0)  # none where only missing pairs were drawn: mean 0, error 0
    mean = np.sum(sums * seeds, axis=1) / count
    middle = mean[:, None]
    of_items = np.sum(items * (seeds @ table.apart.T - middle * (seeds @ table.there.T)) ** 2, axis=1)
    of_seeds = np.sum(seeds * (sums - middle * pairs) ** 2, axis=1)
    of_pairs = np.sum(seeds * (items @ table.squared - 2 * middle * sums + middle**2 * pairs), axis=1)
    variance = np.maximum(np.maximum(of_items, of_seeds), of_items + of_seeds - of_pairs)
    return np.stack([mean, np.sqrt(np.maximum(variance, 0.0)) / count])
