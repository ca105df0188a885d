"""Contrasts of two arms, made as `effects.contrast` makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leaven.stats import effects
from leaven.stats.effects import Contrast
from leaven.stats.table import Arm, Column, Cube

Pair = Callable[..., Contrast]


@pytest.fixture(scope="session")
def pair() -> Pair:
    """Return what pairs two arms' values (items x seeds, NaN = unscored), outcomes of 0 and 1 recognised as such."""
    return _pair


def _pair(
    arm: Any, baseline: Any, *, trained: tuple[bool, bool] = (True, True), single: bool = True, noise: Any = None
) -> Contrast:
    values = np.stack([np.asarray(arm, dtype=float), np.asarray(baseline, dtype=float)])
    arms = tuple(Arm(name, None, is_trained) for name, is_trained in zip(("arm", "base"), trained, strict=True))
    binary = np.array([bool(np.isin(one[~np.isnan(one)], (0, 1)).all()) for one in values])
    asked = np.ones(values.shape, dtype=bool)
    spread = None if noise is None else np.asarray(noise, dtype=float)
    cube = Cube(Column("s", "m"), arms, values, asked, binary, np.zeros(2, dtype=int), np.full(2, single), spread)
    return effects.contrast(cube, effects.difference("arm", "base"))
