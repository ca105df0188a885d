"""What is estimated: the mean, over items and seeds, of one linear contrast of arms.

A difference of two arms is the contrast (+1, -1); a trend is the contrast of least-squares weights on the doses, so
that a slope's interval comes from the same machinery as a difference's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leaven.stats.table import Arm, Cube, Floats

# Below this share of the values that were added up, a contrast is rounding, not a difference.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Contrast:
    """A linear contrast of arms, pair by pair.

    ``matrix`` is items x seeds (NaN where an arm lacks the pair); ``values`` is the arms' own values on the same
    pairs (arms x items x seeds, in the order of ``arms``) and ``weights`` the contrast's weights. ``n_seeds`` is 0
    when no arm was trained. ``bounds`` is what the contrast can be at most, or None for an unbounded outcome.
    ``single`` says that every item was asked once per run. ``noise`` (arms x items x seeds) is the arms' sampling
    variance, NaN where unknown; None where no item has several samples.
    """

    arms: tuple[Arm, ...]
    weights: Floats
    values: Floats
    matrix: Floats
    n_items: int
    n_seeds: int
    n_dropped: int
    n_infinite: int
    bounds: tuple[float, float] | None
    single: bool = False
    noise: Floats | None = None

    @property
    def effect(self) -> float | None:
        """The mean of all pairs, or None without any."""
        return float(np.nanmean(self.matrix)) if self.n_items else None

    def means(self) -> Floats:
        """Return the arms' means over the pairs that entered the contrast (length: arms)."""
        return np.asarray(np.nanmean(self.values, axis=(1, 2)), dtype=np.float64)

    def run_means(self) -> Floats:
        """Return the mean of every run, over the pairs that entered the contrast (arms x seeds)."""
        return np.asarray(np.nanmean(self.values, axis=1), dtype=np.float64)

    def reweighted(self, weights: Sequence[float]) -> Contrast:
        """Return another linear contrast of the same arms, on the same pairs; its bounds follow the weights."""
        by = np.array(weights, dtype=float)
        bounds = _bounds(by) if self.bounds is not None else None
        return replace(self, weights=by, matrix=_combined(self.values, by), bounds=bounds)


def difference(arm: str, baseline: str) -> dict[str, float]:
    """Return the weights of ``arm`` minus ``baseline``."""
    return {arm: 1.0, baseline: -1.0}


def slope(doses: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of the least-squares slope per unit of dose; at least two doses must differ."""
    at = np.array(list(doses.values()), dtype=float)
    centred = at - at.mean()
    assert np.any(centred), "a slope needs two doses that differ"
    weights = centred / np.sum(centred**2)
    return {name: float(weight) for name, weight in zip(doses, weights, strict=True)}


def contrast(cube: Cube, weights: Mapping[str, float]) -> Contrast:
    """Pair the arms by item and by seed and combine them; all of them must be in the cube.

    A pair counts only where every arm was scored. Dropped are the others among all items and all seeds that any of
    these arms has.
    """
    places = {arm.name: place for place, arm in enumerate(cube.arms)}
    chosen = [places[name] for name in weights]
    arms = tuple(cube.arms[place] for place in chosen)
    trained = [place for place, arm in zip(chosen, arms, strict=True) if arm.trained]
    seeds = np.any(cube.asked[trained], axis=(0, 1)) if trained else _first_layer(cube)
    items = np.any(cube.asked[chosen][:, :, seeds], axis=(0, 2))
    values = cube.values[chosen][:, items][:, :, seeds]
    complete = np.asarray(np.all(~np.isnan(values), axis=0), dtype=np.bool_)
    used = np.ix_(np.any(complete, axis=1), np.any(complete, axis=0))
    values = np.where(complete, values, np.nan)[:, used[0], used[1]]
    by = np.array(list(weights.values()), dtype=float)
    return Contrast(
        arms=arms,
        weights=by,
        values=values,
        matrix=_combined(values, by),
        n_items=values.shape[1],
        n_seeds=values.shape[2] if trained else 0,
        n_dropped=int(complete.size - complete.sum()),
        n_infinite=int(cube.infinite[chosen].sum()),
        bounds=_bounds(by) if cube.binary[chosen].all() else None,
        single=bool(cube.single[chosen].all()),
        noise=None if cube.noise is None else cube.noise[chosen][:, items][:, :, seeds][:, used[0], used[1]],
    )


def _first_layer(cube: Cube) -> NDArray[np.bool_]:
    return np.asarray(np.arange(cube.values.shape[2]) == 0, dtype=np.bool_)


def _combined(values: Floats, weights: Floats) -> Floats:
    """Return the weighted sum over arms, with what is only rounding set to 0 exactly."""
    total = np.tensordot(weights, values, axes=1)
    size = np.tensordot(np.abs(weights), np.abs(values), axes=1)
    return np.asarray(np.where(np.abs(total) <= _ROUNDING * size, 0.0, total), dtype=np.float64)


def _bounds(weights: Floats) -> tuple[float, float]:
    """Return how small and how large a contrast of arms between 0 and 1 can be."""
    return float(np.minimum(weights, 0).sum()), float(np.maximum(weights, 0).sum())


def lacking(cube: Cube, arms: Sequence[str]) -> list[str]:
    """Return those of the arms that have no scored value in the cube."""
    scored = np.any(~np.isnan(cube.values), axis=(1, 2))
    having = {arm.name for arm, some in zip(cube.arms, scored, strict=True) if some}
    return [name for name in arms if name not in having]
