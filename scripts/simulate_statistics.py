"""Check intervals and the trend test on simulated studies whose truth is known.

Prints the tables of docs/statistics.md:

    python scripts/simulate_statistics.py            # 200 studies a row, seconds
    python scripts/simulate_statistics.py 4000       # the tables of the documentation, minutes

Outcomes are 0 or 1. An item has a difficulty and an own response to the arm; a run shifts all its items on the
logit by normal noise; every arm x seed is its own run. Coverage is of the effect on new items and new runs.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from leaven.stats import dose, inference
from leaven.stats.effects import Contrast
from leaven.stats.table import Arm

Floats = NDArray[np.float64]
Difficulties = Callable[[np.random.Generator, int | tuple[int, int]], Floats]
ITEMS: dict[str, Difficulties] = {
    "alike": lambda draw, shape: np.full(shape, -0.5),
    "clustered": lambda draw, shape: draw.normal(-0.5, 1.5, shape),
    "skewed": lambda draw, shape: -5 + draw.exponential(2.0, shape),
    "rare": lambda draw, shape: draw.normal(-5.0, 1.0, shape),
    "ceiling": lambda draw, shape: draw.normal(5.0, 2.0, shape),
    # 3 % of the items stay at 0 in every run, whatever the arm; a shift of 80 takes all others from 0 to 1.
    "disposed": lambda draw, shape: np.where(draw.random(shape) < 0.03, -200.0, -40.0),
}
ARMS = (Arm("arm", None, True), Arm("base", None, True))
RESPONSE_SD = 0.7
TRUTH_ITEMS = 1_000_000


@dataclass(frozen=True)
class World:
    """One row of the table: what the simulated studies are like."""

    items: str
    noise: float
    shift: float
    n_items: int
    n_seeds: int

    @property
    def response(self) -> float:
        """How much items differ in their response to the arm (SD on the logit)."""
        return 0.0 if self.items == "alike" else RESPONSE_SD

    def rates(self, draw: np.random.Generator, n_items: int, n_seeds: int) -> Floats:
        """Return success rates, arms x items x seeds."""
        base = ITEMS[self.items](draw, (n_items, 1))
        arm = base + self.shift + self.response * draw.normal(size=(n_items, 1))
        runs = self.noise * draw.normal(size=(2, 1, n_seeds))
        return np.asarray(expit(np.stack([arm, base]) + runs), dtype=np.float64)

    def truth(self, draw: np.random.Generator) -> float:
        """Return the effect in the population, by brute force over items, each in a run of its own."""
        base = ITEMS[self.items](draw, TRUTH_ITEMS)
        arm = base + self.shift + self.response * draw.normal(size=TRUTH_ITEMS)
        noise = self.noise * draw.normal(size=(2, TRUTH_ITEMS))
        return float(np.mean(expit(arm + noise[0]) - expit(base + noise[1])))


def contrast(values: Floats) -> Contrast:
    """Make the contrast of two arms from 0/1 values, arms x items x seeds (NaN = missing in both arms)."""
    weights = np.array([1.0, -1.0])
    n_items, n_seeds = values.shape[1:]
    return Contrast(ARMS, weights, values, values[0] - values[1], n_items, n_seeds, 0, 0, (-1.0, 1.0))


Rule = Callable[[inference.Components], tuple[float, float]]


def unbiased(c: inference.Components) -> tuple[float, float]:
    """The plain sum; negative sums count as no interval at all, so as a miss."""
    total = c.item + c.seed - c.rest
    spread = c.item**2 / c.df_item + c.seed**2 / c.df_seed + c.rest**2 / c.df_rest
    return max(total, 0.0), max(total**2 / spread, 1.0) if spread else 1.0


def truncated(c: inference.Components) -> tuple[float, float]:
    """Negative components set to 0; degrees of freedom as if all three were there."""
    total = max(c.item - c.rest, 0.0) + max(c.seed - c.rest, 0.0) + c.rest
    spread = c.item**2 / c.df_item + c.seed**2 / c.df_seed + c.rest**2 / c.df_rest
    return total, max(total**2 / spread, 1.0) if spread else 1.0


def largest(c: inference.Components) -> tuple[float, float]:
    """The largest of items, seeds and the sum: what is shipped, without its floor."""
    variance, df = c.variance()
    return variance, max(df, 1.0)


RULES: dict[str, Rule] = {"unbiased": unbiased, "truncated": truncated, "largest": largest}


def covers(effect: float, variance: float, df: float, truth: float) -> bool:
    """Say whether the 95 % interval holds the truth."""
    return bool(abs(effect - truth) <= stats.t.ppf(0.975, df) * np.sqrt(variance))


def coverage(world: World, n: int, draw: np.random.Generator) -> list[float]:
    """Return the share of studies whose interval holds the truth: per rule, shipped, shipped with 10 % missing."""
    truth, hits = world.truth(draw), np.zeros(len(RULES) + 2)
    for _ in range(n):
        rates = world.rates(draw, world.n_items, world.n_seeds)
        values = (draw.random(rates.shape) < rates).astype(float)
        found = inference.components(values[0] - values[1])
        assert found is not None
        effect = float(np.mean(values[0] - values[1]))
        own = [covers(effect, *rule(found), truth) for rule in RULES.values()]
        holes = np.where(draw.random(values.shape[1:]) < 0.1, np.nan, values)
        holes = holes[:, ~np.isnan(holes[0]).all(axis=1)]
        hits += [*own, *(_shipped(values_, truth) for values_ in (values, holes))]
    return list(hits / n)


def _shipped(values: Floats, truth: float) -> bool:
    interval = inference.estimate(contrast(values)).interval()
    return interval is not None and interval[0] <= truth <= interval[1]


def worlds() -> Iterator[World]:
    """Yield the rows of the coverage table."""
    for n_seeds in (3, 5, 10):
        for noise in (0.0, 0.15, 0.3):
            yield from (World("clustered", noise, shift, 200, n_seeds) for shift in (0.0, 1.0))
            yield World("skewed", noise, 1.0, 200, n_seeds)
        yield World("alike", 0.0, 0.0, 20, n_seeds)
        yield World("rare", 0.3, 1.0, 50, n_seeds)
        yield World("ceiling", 0.3, -1.0, 50, n_seeds)
    yield from (World("disposed", 0.0, 80.0, 50, n_seeds) for n_seeds in (3, 5, 10))


def coverage_table(n: int) -> None:
    """Print coverage of 95 % intervals as Markdown."""
    heads = ["seeds", "items", "run noise", "shift", *RULES, "**shipped**", "shipped, 10 % missing"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for place, world in enumerate(worlds()):
        shares = coverage(world, n, np.random.default_rng([place, 1]))
        cells = [world.n_seeds, f"{world.n_items} {world.items}", world.noise, world.shift]
        print(f"| {' | '.join([*map(str, cells), *(f'{100 * share:.1f}' for share in shares)])} |", flush=True)


def normal_table(n: int) -> None:
    """Print the lowest and highest coverage of the shipped rule on normal data, over a grid of variances."""
    print("| seeds | items | lowest | highest |\n|---|---|---|---|")
    for n_seeds, n_items in itertools.product((3, 5, 10), (20, 200)):
        draw = np.random.default_rng([n_seeds, n_items, 3])
        grid = itertools.product((0.0, 0.1, 0.5, 2.0, 10.0), (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0))
        shares = [100 * _normal_coverage(draw, 5 * n, n_seeds, n_items, *ratios) for ratios in grid]
        print(f"| {n_seeds} | {n_items} | {min(shares):.1f} | {max(shares):.1f} |", flush=True)


def _normal_coverage(
    draw: np.random.Generator, n: int, n_seeds: int, n_items: int, per_item: float, per_seed: float
) -> float:
    """Draw mean squares as chi-squares; ``per_item``, ``per_seed``: what items and seeds add to rest's 1."""
    free = (n_items - 1, n_seeds - 1, (n_items - 1) * (n_seeds - 1))
    expected = np.array([1 + n_seeds * per_item, 1 + per_seed, 1.0])
    squares = expected * np.stack([draw.chisquare(df, n) / df for df in free], axis=1)
    error = draw.normal(size=n) * np.sqrt(expected[0] + expected[1] - expected[2])
    rules = np.array([largest(inference.Components(a, b, c, *free)) for a, b, c in squares.tolist()])
    return float(np.mean(np.abs(error) <= stats.t.ppf(0.975, rules[:, 1]) * np.sqrt(rules[:, 0])))


def trend_table(n: int) -> None:
    """Print how often the trend test finds a trend at 5 %: without one (shift 0), and with one."""
    print("| doses | seeds | run noise | no trend | 1 logit over the range |\n|---|---|---|---|---|")
    for n_doses, n_seeds, noise in [(3, 3, 0.3), (4, 3, 0.0), (4, 3, 0.3), (4, 5, 0.3)]:
        draw = np.random.default_rng([n_doses, n_seeds, 2])
        found = [_trend_found(draw, n, n_doses, n_seeds, noise, shift) for shift in (0.0, 1.0)]
        print(f"| {n_doses} | {n_seeds} | {noise} | {100 * found[0]:.1f} % | {100 * found[1]:.1f} % |", flush=True)


def _trend_found(draw: np.random.Generator, n: int, n_doses: int, n_seeds: int, noise: float, shift: float) -> float:
    doses, hits = np.linspace(0, 1, n_doses), 0
    for _ in range(n):
        items = draw.normal(-0.5, 1.5, (1, 100, 1))
        runs = noise * draw.normal(size=(n_doses, 1, n_seeds))
        rates = expit(items + shift * doses[:, None, None] + runs)
        tested = dose.trend((draw.random(rates.shape) < rates).mean(axis=1), doses.tolist())
        hits += tested.p is not None and tested.p <= 0.05
    return hits / n


def main() -> None:
    """Run both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="?", type=int, default=200, help="simulated studies per row")
    n = parser.parse_args().studies
    warnings.simplefilter("error")
    coverage_table(n)
    print()
    normal_table(n)
    print()
    trend_table(n)


if __name__ == "__main__":
    main()
