"""Groups that hold the same items, as wrappers around the same requests do: what an arm does is compared within items.

Where every group has every item, no item is outside a group, and permuting groups over items would change nothing.
Under the null an item's differences are the same in each group but for chance, so each item's own are permuted over the
groups, the same way for all arms and runs (Westfall and Young 1993; Friedman 1937 for blocks). T, its SE and the noise
of runs are those of ``heterogeneity``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from leaven.stats.groups.grouped import Parts, prior_of_runs, shrunk
from leaven.stats.table import Cube, Floats

Bools = NDArray[np.bool_]

_MOST = 0.5  # of the items stand in every group, where groups are of the same items
_PRIOR = 4.0  # as in `grouped`: three odd items make no T


def stacked(
    cube: Cube, groups: Mapping[str, Bools], within: Mapping[str, Cube], pairs: Mapping[str, str]
) -> Floats | None:
    """Return the arms' differences, groups x arms x items x seeds, where groups are of the same items; else None.

    ``within`` are the groups' own cubes, ``pairs`` maps arms to baselines. NaN where a pair is missing. Groups that
    share their items' only answers (tags of one answer) are none of the same items asked again: None.
    """
    if len(groups) < 2 or set(groups) - set(within) or not pairs:
        return None
    if np.mean(np.all(list(groups.values()), axis=0)) < _MOST:
        return None
    made = np.stack([_spread(cube, within[name], flags, pairs) for name, flags in groups.items()])
    return None if all(np.array_equal(made[0], one, equal_nan=True) for one in made[1:]) else made


def _spread(cube: Cube, group: Cube, flags: Bools, pairs: Mapping[str, str]) -> Floats:
    """Return a group's differences at the places of all items and seeds: arms x items x seeds."""
    places = {arm.name: place for place, arm in enumerate(group.arms)}
    made = np.full((len(pairs), *cube.values.shape[1:]), np.nan)
    at = np.array([cube.seeds.index(seed) for seed in group.seeds] or range(group.values.shape[2]))
    for row, (arm, base) in enumerate(pairs.items()):
        if arm in places and base in places:
            apart = group.values[places[arm]] - group.values[places[base]]
            made[row][np.ix_(np.flatnonzero(flags), at)] = apart
    return made


def complete(values: Floats) -> Bools:
    """Return which items were scored in every group, by every arm under each of its seeds."""
    there: Bools = np.asarray(~np.isnan(values), dtype=np.bool_)
    own: Bools = np.asarray(there.any(axis=(0, 2)), dtype=np.bool_)  # arms x seeds
    return np.asarray((there | ~own[None, :, None, :]).all(axis=(0, 1, 3)), dtype=np.bool_)


def parts(values: Floats, noise: Floats | None = None) -> Parts:
    """Return each group's effect less the mean of the others', and its variance's parts, each draws x groups x arms.

    ``values`` is (..., groups, arms, items, seeds) of `complete` items; ``noise`` (..., groups, arms, seeds) is added
    to the runs.
    """
    n_groups, n_items = values.shape[-4], values.shape[-2]
    there = ~np.isnan(values[..., :1, :])
    apart = np.nan_to_num(values)
    apart = (apart - apart.mean(axis=-4, keepdims=True)) * (n_groups / (n_groups - 1))
    seeds = there.sum(axis=(-1, -2)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        items, runs = apart.sum(axis=-1) / seeds[..., None], np.where(there[..., 0, :], apart.mean(axis=-2), np.nan)
        effect = items.mean(axis=-1)
        around = np.nansum((runs - effect[..., None]) ** 2, axis=-1)
        of_items = ((items - effect[..., None]) ** 2).sum(axis=-1)
        squares = np.where(there, (apart - effect[..., None, None]) ** 2, 0.0).sum(axis=(-1, -2))
        left = np.maximum(squares - seeds * of_items - n_items * around, 0.0)
        if noise is not None:
            runs, effect = runs + noise, effect + np.where(np.isnan(runs), 0, noise).sum(-1) / seeds
        middle = np.nansum(runs, axis=-1, keepdims=True) / seeds[..., None]
        seed = np.nansum((runs - middle) ** 2, axis=-1) / ((seeds - 1) * seeds)
        item = shrunk(of_items, n_items - 1, _over_groups(of_items) / (n_items - 1), _PRIOR) / n_items
        free = (n_items - 1) * (seeds - 1)
        noisy = _over_groups(left) / np.maximum(free, 1)
        rest = shrunk(left, free, noisy, prior_of_runs(seeds)) / (n_items * seeds)
    return Parts(effect, item, seed, rest, seeds)


def _over_groups(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-2, keepdims=True), dtype=np.float64)


def permuted(values: Floats, n: int, draw: np.random.Generator) -> Floats:
    """Return ``n`` draws of the values with each item's groups in a random order, the same for its arms and runs."""
    n_groups, _, n_items, _ = values.shape
    order = draw.permuted(np.tile(np.arange(n_groups), (n, n_items, 1)), axis=2)
    return np.asarray(
        values[order.transpose(0, 2, 1)[:, :, None], np.arange(len(values[0]))[:, None], np.arange(n_items)],
        dtype=np.float64,
    )


def blocks(draws: int, most: int) -> Iterator[int]:
    """Yield how many draws are made at a time: ``most``, and at the end what is left."""
    for start in range(0, draws, most):
        yield min(most, draws - start)
