"""How often 95 % intervals hold the truth: the effect on new items and new runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import stats

from leaven.stats import inference
from simulations.studies import Studies, heading, percent, row
from simulations.worlds import NOISES, SEEDS, World, contrast, with_holes

Rule = Callable[[inference.Components], tuple[float, float]]


def unbiased(c: inference.Components) -> tuple[float, float]:
    """Return the plain sum; a negative one counts as no interval at all, so as a miss."""
    total = c.item + c.seed - c.rest
    spread = c.item**2 / c.df_item + c.seed**2 / c.df_seed + c.rest**2 / c.df_rest
    return max(total, 0.0), max(total**2 / spread, 1.0) if spread else 1.0


def truncated(c: inference.Components) -> tuple[float, float]:
    """Return the sum with negative components set to 0; degrees of freedom as if all three were there."""
    total = max(c.item - c.rest, 0.0) + max(c.seed - c.rest, 0.0) + c.rest
    spread = c.item**2 / c.df_item + c.seed**2 / c.df_seed + c.rest**2 / c.df_rest
    return total, max(total**2 / spread, 1.0) if spread else 1.0


def largest(c: inference.Components) -> tuple[float, float]:
    """Return the largest of items, seeds and the sum: what is shipped, without its floor."""
    variance, df = c.variance()
    return variance, max(df, 1.0)


RULES: dict[str, Rule] = {"unbiased": unbiased, "truncated": truncated, "largest": largest}


def covers(effect: float, variance: float, df: float, truth: float) -> bool:
    """Say whether the 95 % interval holds the truth."""
    return bool(abs(effect - truth) <= stats.t.ppf(0.975, df) * np.sqrt(variance))


def shipped(values: np.ndarray, truth: float, *, trained: bool = True) -> float:
    """Return 1 where the shipped interval holds the truth, else 0."""
    interval = inference.estimate(contrast(values, trained=trained)).interval()
    return float(interval is not None and interval[0] <= truth <= interval[1])


def study(world: World, truth: float, draw: np.random.Generator) -> list[float]:
    """Say whether the interval holds the truth: shipped, shipped with 10 % missing, then per rule (with runs)."""
    values = world.answers(draw)
    if not world.n_seeds:
        return [shipped(values, truth, trained=False), shipped(with_holes(values, draw), truth, trained=False)]
    found = inference.components(values[0] - values[1])
    assert found is not None
    effect = float(np.mean(values[0] - values[1]))
    own = [float(covers(effect, *rule(found), truth)) for rule in RULES.values()]
    return [shipped(values, truth), shipped(with_holes(values, draw), truth), *own]


def _worlds(n_seeds: int) -> Iterator[World]:
    for noise in NOISES if n_seeds else (0.0,):
        yield from (World("clustered", noise, shift, 200, n_seeds) for shift in (0.0, 1.0))
        yield World("skewed", noise, 1.0, 200, n_seeds)
    noise = 0.3 if n_seeds else 0.0
    yield World("alike", 0.0, 0.0, 20, n_seeds, response=0.0)
    yield World("rare", noise, 1.0, 50, n_seeds)
    yield World("ceiling", noise, -1.0, 50, n_seeds)
    yield World("disposed", 0.0, 80.0, 50, n_seeds)


def table(on: Studies) -> None:
    """Print the shipped interval's coverage per world, then each rule's lowest and highest."""
    found = {
        (place, n_seeds): (world, on.shares(partial(study, world, world.truth()), 1, place, n_seeds))
        for n_seeds in (*SEEDS, 0)
        for place, world in enumerate(_worlds(n_seeds))
    }
    heading("items", "run noise", "shift", *(f"{n} seeds" for n in SEEDS))
    for place, world in enumerate(_worlds(3)):
        shares = [" / ".join(map(percent, found[place, n][1][:2])) for n in SEEDS]
        row(f"{world.n_items} {world.items}", world.noise, world.shift, *shares)
    print()
    heading("items, nothing trained", "shift", "coverage")
    for world, shares in (one for (_, n), one in found.items() if n == 0):
        row(f"{world.n_items} {world.items}", world.shift, " / ".join(map(percent, shares)))
    print()
    names = ["shipped", "shipped, 10 % missing", *RULES]
    heading("rule, lowest - highest", *(f"{n} seeds" for n in SEEDS))
    for at, name in enumerate(names):
        ends = [[shares[at] for (_, n), (_, shares) in found.items() if n == seeds] for seeds in SEEDS]
        row(name, *(f"{percent(min(one))} - {percent(max(one))}" for one in ends))


def normal_table(on: Studies) -> None:
    """Print the lowest and highest coverage of the shipped rule on normal data, over a grid of variances."""
    heading("seeds", "items", "lowest", "highest")
    grid = list(itertools.product((0.0, 0.1, 0.5, 2.0, 10.0), (0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)))
    for n_seeds, n_items in itertools.product(SEEDS, (20, 200)):
        cells = [
            on.shares(partial(_normal, n_seeds, n_items, ratios), n_seeds, n_items, place, 3)[0]
            for place, ratios in enumerate(grid)
        ]
        row(n_seeds, n_items, percent(min(cells)), percent(max(cells)))


def _normal(n_seeds: int, n_items: int, ratios: tuple[float, float], draw: np.random.Generator) -> list[float]:
    """Draw ten mean squares as chi-squares; the ratios are what items and seeds add to rest's 1."""
    free = (n_items - 1, n_seeds - 1, (n_items - 1) * (n_seeds - 1))
    expected = np.array([1 + n_seeds * ratios[0], 1 + ratios[1], 1.0])
    squares = expected * np.stack([draw.chisquare(df, 10) / df for df in free], axis=1)
    error = draw.normal(size=10) * np.sqrt(expected[0] + expected[1] - expected[2])
    rules = np.array([largest(inference.Components(a, b, c, *free)) for a, b, c in squares.tolist()])
    return [float(np.mean(np.abs(error) <= stats.t.ppf(0.975, rules[:, 1]) * np.sqrt(rules[:, 0])))]
