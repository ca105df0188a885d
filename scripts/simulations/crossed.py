"""How often groups of the same items, wrappers around the same requests say, are found to differ where none does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from leaven.stats.groups import heterogeneity
from leaven.stats.table import Arm, Column, Cube
from simulations.studies import Floats, Studies, heading, percent, row

ARMS = ("one", "two", "base")
GROUPS, DRAWS = 7, 199
WORLDS = ("spreads alike", "spreads that differ 10 times", "shares from 2 to 88 %")
NOISES = (0.0, 0.3)


@dataclass(frozen=True)
class Null:
    """A design: every item stands in every group, and no arm differs from another in any."""

    world: str
    n_items: int
    n_seeds: int
    noise: float  # of a run in a group

    def __call__(self, draw: np.random.Generator) -> list[float]:
        """Say whether groups were found to differ in one study."""
        values = self._values(draw)
        groups = {f"g{place}": np.ones(self.n_items, bool) for place in range(GROUPS)}
        within = {name: _cube(part, name) for name, part in zip(groups, values, strict=True)}
        found = heterogeneity.heterogeneity(
            _cube(values.mean(axis=0), None), groups, dict.fromkeys(ARMS[:-1], ARMS[-1]), within=within, draws=DRAWS,
            seed=int(draw.integers(2**31)),
        )  # fmt: skip
        return [float(found.p is not None and found.p < 0.05)]

    def _values(self, draw: np.random.Generator) -> Floats:
        """Return groups x arms x items x seeds."""
        shape = (GROUPS, len(ARMS), self.n_items, self.n_seeds)
        run = self.noise * draw.normal(size=(*shape[:2], 1, shape[3]))
        item, wrapped = draw.normal(size=(1, 1, shape[2], 1)), draw.normal(size=(shape[0], 1, shape[2], 1))
        if self.world == WORLDS[2]:
            levels = np.linspace(-4, 2, GROUPS)[:, None, None, None] + item + 0.5 * wrapped
            return (draw.random(shape) < expit(levels + run)).astype(float)
        spread = np.linspace(0.3, 3, GROUPS)[:, None, None, None] if self.world == WORLDS[1] else 1.0
        return np.asarray(spread * (item + 0.7 * wrapped + draw.normal(size=shape)) + run)


def _cube(values: Floats, group: str | None) -> Cube:
    arms, none = tuple(Arm(name, None, True) for name in ARMS), np.zeros(len(ARMS), dtype=int)
    return Cube(Column("suite", "metric", group), arms, values, ~np.isnan(values), none > 0, none, none == 0)


def table(on: Studies) -> None:
    """Print the share of null studies in which groups are found to differ."""
    heading("groups of the same items", "items", "seeds", *(f"run noise {noise}" for noise in NOISES))
    for place, world in enumerate(WORLDS):
        for n_items in (20, 70):
            for n_seeds in (3, 5):
                nulls = [Null(world, n_items, n_seeds, noise) for noise in NOISES]
                shares = [on.shares(null, 70, place, n_items, n_seeds, int(100 * null.noise))[0] for null in nulls]
                row(world, n_items, n_seeds, *map(percent, shares))
