"""A group's effect against that of all other items, with what items, runs and the rest add to its variance.

Written as sums over items, so that thousands of permuted groups are one matrix product (`features`, then `parts`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.table import Floats

# A group's own variance is mixed with that of all items, as if 4 more items had been seen: three odd items make no T.
_PRIOR = 4.0


def features(matrix: Floats) -> Floats:
    """Return what is summed over a group's items, of differences arms x items x seeds: items x arms x (2 seeds + 4).

    Per item and arm: its differences, where they are, whether any is, their mean, its square, the spread around it.
    """
    there = ~np.isnan(matrix)
    filled, n = np.where(there, matrix, 0.0), there.sum(axis=2)
    mean = filled.sum(axis=2) / np.maximum(n, 1)
    spread = (np.where(there, matrix - mean[:, :, None], 0.0) ** 2).sum(axis=2)
    each = np.stack([n > 0, mean, mean**2, spread], axis=2)
    return np.asarray(np.concatenate([filled, there, each], axis=2).transpose(1, 0, 2), dtype=np.float64)


@dataclass(frozen=True)
class _Side:
    """Moments of a group's items, or of all others: arrays draws x groups x arms (``runs``: x seeds)."""

    count: Floats
    mean: Floats
    items: Floats  # sum of squares of item means
    rest: Floats  # sum of squares within item and run
    free: Floats  # degrees of freedom of `rest`
    runs: Floats


def _side(sums: Floats, n_seeds: int) -> _Side:
    total, pairs = sums[..., :n_seeds], sums[..., n_seeds : 2 * n_seeds]
    count, mean, squares, spread = (sums[..., 2 * n_seeds + k] for k in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        runs, at = total / pairs, mean / count
        middle = np.where(pairs > 0, runs, 0).sum(-1) / (pairs > 0).sum(-1)
        around = np.where(pairs > 0, pairs * (runs - middle[..., None]) ** 2, 0.0).sum(-1)
        free = np.maximum(pairs.sum(-1) - count - (pairs > 0).sum(-1) + 1, 0)
        return _Side(count, at, np.maximum(squares - count * at**2, 0.0), np.maximum(spread - around, 0.0), free, runs)


@dataclass(frozen=True)
class Parts:
    """A group's effect less that of the others, and its variance's parts, each draws x groups x arms.

    ``item``, ``seed`` and ``rest`` are mean squares as in ``inference.Components``; ``seeds`` counts the runs.
    """

    effect: Floats
    item: Floats
    seed: Floats
    rest: Floats
    seeds: Floats


def parts(summed: Floats, flags: Floats, noise: Floats | None = None) -> Parts:
    """Return the parts for groups (..., groups, items); ``noise`` (..., groups, arms, seeds) is added to the runs.

    ``summed`` are the items' `features`; ``flags`` are 1 where an item stands in a group, else 0.
    """
    n_items, n_arms, width = summed.shape
    # One product: numpy would multiply a stack of matrices one by one.
    flat = flags.reshape(-1, n_items) @ summed.reshape(n_items, n_arms * width)
    inside = flat.reshape(*flags.shape[:-1], n_arms, width)
    outside = summed.sum(axis=0) - inside
    n_seeds = (width - 4) // 2
    one, other = _side(inside, n_seeds), _side(outside, n_seeds)
    apart, effect = one.runs - other.runs, one.mean - other.mean
    if noise is not None:
        apart, effect = apart + noise, effect + np.where(np.isnan(apart), 0, noise).sum(-1) / _count(apart)
    seeds = _count(apart)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.nansum(apart, axis=-1, keepdims=True) / seeds[..., None]
        seed = np.nansum((apart - middle) ** 2, axis=-1) / ((seeds - 1) * seeds)
        pooled = (one.items + other.items) / np.maximum(one.count + other.count - 2, 1)
        item = shrunk(one.items, one.count - 1, pooled, _PRIOR) / one.count
        item = item + shrunk(other.items, other.count - 1, pooled, _PRIOR) / other.count
        prior = prior_of_runs(seeds)
        noisy = (one.rest + other.rest) / np.maximum(one.free + other.free, 1)
        rest = shrunk(one.rest, one.free, noisy, prior) / (one.count * seeds)
        rest = rest + shrunk(other.rest, other.free, noisy, prior) / (other.count * seeds)
    return Parts(effect, item, seed, rest, seeds)


def _count(apart: Floats) -> Floats:
    return np.asarray((~np.isnan(apart)).sum(axis=-1), dtype=np.float64)


def prior_of_runs(seeds: Floats) -> Floats:
    """Return how many degrees of freedom of all groups are mixed with what is left in one: `_PRIOR` items' worth."""
    return np.asarray(_PRIOR * np.maximum(seeds - 1, 1), dtype=np.float64)


def shrunk(squares: Floats, free: Floats | float, pooled: Floats, prior: Floats | float) -> Floats:
    """Return a variance mixed with the pooled one, as if ``prior`` degrees of freedom of that had been seen too."""
    return np.asarray((squares + prior * pooled) / (free + prior), dtype=np.float64)
