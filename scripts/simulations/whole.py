"""Whole studies in which nothing differs: how often anything at all is called a discovery."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from leaven.comparison import Comparison
from leaven.stats import table
from leaven.stats.compare import compare
from leaven.stats.groups import heterogeneity
from simulations.studies import Floats, Studies, heading, percent, row
from simulations.worlds import ITEMS, NOISES

N_ITEMS = 60
FEW_SEEDS = (3, 5)  # where the tests are weakest; ten seeds draw a bootstrap in each of 64 comparisons
GROUPS = ("a", "a", "a", "b", "b", "c")  # dealt to the items in turn
# suite, metric, how it is distributed; two of them are primary
METRICS = (("harm", "toxicity", "clustered"), ("harm", "refusal", "skewed"), ("qa", "correctness", "clustered"),
           ("qa", "length", "score"))  # fmt: skip
PRIMARY = ("toxicity", "correctness")


@dataclass(frozen=True)
class Null:
    """A design; ``doses`` are those of its swept arms beside the baseline's 0."""

    arms: tuple[str, ...]
    doses: tuple[float | None, ...]
    n_seeds: int
    noise: float

    def measurements(self, draw: np.random.Generator) -> pd.DataFrame:
        """Return the long table of a study in which every arm is the same recipe."""
        return pd.concat([self._column(*metric, draw) for metric in METRICS], ignore_index=True)

    def _column(self, suite: str, metric: str, kind: str, draw: np.random.Generator) -> pd.DataFrame:
        shape = (len(self.arms), N_ITEMS, self.n_seeds)
        arm, item, seed = (axis.ravel() for axis in np.indices(shape))
        return pd.DataFrame({
            "arm": np.array(self.arms, dtype=object)[arm],
            "dose": np.array(self.doses, dtype=float)[arm],
            "seed": seed, "suite": suite, "metric": metric,
            "group": np.array(GROUPS, dtype=object)[item % len(GROUPS)],
            "item_id": item.astype(str), "sample": 0, "value": self._values(kind, shape, draw).ravel(),
        })  # fmt: skip

    def _values(self, kind: str, shape: tuple[int, int, int], draw: np.random.Generator) -> Floats:
        runs = self.noise * draw.normal(size=(shape[0], 1, shape[2]))
        if kind == "score":
            items = draw.normal(size=(1, shape[1], 1))
            return np.asarray(20 * np.exp(items + runs + 0.5 * draw.normal(size=shape)), dtype=np.float64)
        items = ITEMS[kind](draw, (shape[1], 1))
        return (draw.random(shape) < expit(items + runs)).astype(float)


def study(null: Null, draw: np.random.Generator) -> list[float]:
    """Say whether any primary discovery, any exploratory star and any named group came out of a null study."""
    measurements = null.measurements(draw)
    dose = "p" if sum(dose is not None for dose in null.doses) > 1 else None
    made = compare(measurements, to=null.arms[0], dose=dose, primary=PRIMARY)
    primary = [c for c in made if c.family == "primary" and _star(c.p_holm)]
    stars = [c for c in made if c.family == "exploratory" and c.group is None and _star(c.p_bh)]
    grouped = [c for c in made if c.group is not None and _star(c.p_bh)]
    named = bool(grouped) and any(_differ(measurements, null, c) for c in grouped)
    return [float(bool(primary)), float(bool(stars)), float(named)]


def _star(p: float | None) -> bool:
    return p is not None and p < 0.05


def _differ(measurements: pd.DataFrame, null: Null, c: Comparison) -> bool:
    """Say whether groups are shown to differ in the metric of a comparison: only then is its group named."""
    column = table.Column(c.suite, c.metric)
    whole = next(cube for cube in table.cubes(measurements) if cube.column == column)
    groups = heterogeneity.members(measurements)[column]
    return _star(heterogeneity.heterogeneity(whole, groups, {arm: null.arms[0] for arm in null.arms[1:]}).p)


def sweep(n_seeds: int, noise: float) -> Null:
    """Return a sweep of three doses with an A/A arm: the primary family is two trends."""
    arms = ("clean", "again", "bad@p=0.1", "bad@p=0.33", "bad@p=1")
    return Null(arms, (0.0, None, 0.1, 0.33, 1.0), n_seeds, noise)


def unlike(n_seeds: int, noise: float) -> Null:
    """Return four arms and their baseline: the primary family is eight differences."""
    return Null(("clean", "one", "two", "three", "four"), (None,) * 5, n_seeds, noise)


def whole_table(on: Studies) -> None:
    """Print the share of null studies with any primary discovery, any exploratory star, any named group."""
    heading("study: any primary / exploratory / named group", "seeds", *(f"run noise {noise}" for noise in NOISES))
    for place, (name, make) in enumerate([("sweep of 3 doses, A/A arm", sweep), ("4 arms, no sweep", unlike)]):
        for n_seeds in FEW_SEEDS:
            shares = [
                on.shares(partial(study, make(n_seeds, noise)), 60, place, n_seeds, int(100 * noise))
                for noise in NOISES
            ]
            row(name, n_seeds, *(" / ".join(map(percent, one)) for one in shares))
