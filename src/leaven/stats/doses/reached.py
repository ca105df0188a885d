"""The runs of a sweep, each at the dose that it reached."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np

from leaven.stats.doses.line import Runs
from leaven.stats.table import Cube


def runs_of(cube: Cube, at: Mapping[str, float], realised: Mapping[tuple[str, int], float]) -> Runs | None:
    """Return the runs of a sweep (arm -> declared dose) on the pairs that every arm has, or None without any.

    ``realised`` is (arm, seed) -> the dose that a run reached; the declared one holds where there is none.
    """
    places = {arm.name: place for place, arm in enumerate(cube.arms)}
    chosen = [places[name] for name in at]
    values = cube.values[chosen]
    complete = np.all(~np.isnan(values), axis=0)
    items, layers = np.flatnonzero(complete.any(axis=1)), np.flatnonzero(complete.any(axis=0))
    if not len(items):
        return None
    values = np.where(complete, values, np.nan)[:, items][:, :, layers]
    share = bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 1)
    seeds = [cube.seeds[layer] for layer in layers]
    doses = np.array([[_dose(realised.get((name, seed)), dose) for seed in seeds] for name, dose in at.items()])
    return Runs(tuple(cube.arms[place] for place in chosen), values, doses, share, bool(cube.binary[chosen].all()))


def _dose(reached: float | None, declared: float) -> float:
    return declared if reached is None or not isfinite(reached) else reached
