"""How often each test says p <= 0.05 where nothing differs: arms with the same items and no effect, own runs."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.special import expit

from leaven.stats import inference
from leaven.stats.differences import items
from leaven.stats.doses import dose
from simulations.studies import Studies, heading, percent, row
from simulations.worlds import ITEMS, NOISES, SEEDS, Floats, World, contrast

DOSES = (0.0, 0.1, 0.33, 1.0)


def answers(world: World, n_arms: int, draw: np.random.Generator) -> Floats:
    """Return 0/1 answers of arms that do not differ, arms x items x seeds."""
    base = ITEMS[world.items](draw, (world.n_items, 1))
    rates = expit(base + world.noise * draw.normal(size=(n_arms, 1, world.n_seeds)))
    return (draw.random(rates.shape) < rates).astype(float)


def difference(world: World, draw: np.random.Generator) -> list[float]:
    """Say whether the t test finds a difference; without runs it is the paired t over items."""
    p = inference.estimate(contrast(world.answers(draw), trained=world.n_seeds > 0)).p
    return [float(p is not None and p <= 0.05)]


def trend(world: World, draw: np.random.Generator) -> list[float]:
    """Say whether the permutation test finds a trend over four doses."""
    values = answers(world, len(DOSES), draw)
    p = dose.trend(values.mean(axis=1), DOSES).p
    return [np.nan if p is None else float(p <= 0.05)]


def table(on: Studies) -> None:
    """Print false positives of the t test and the trend's test per world and number of seeds."""
    heading("items", "run noise", *(f"{test}, {n} seeds" for test in ("difference (t)", "trend") for n in SEEDS))
    for names in ("clustered", "skewed"):
        for noise in NOISES:
            worlds = [World(names, noise, 0.0, 200, n, response=0.0) for n in SEEDS]
            tests = enumerate((difference, trend))
            found = [
                on.shares(partial(test, w), 20, at, w.n_seeds, int(100 * noise)) for at, test in tests for w in worlds
            ]
            row(f"200 {names}", noise, *(percent(shares[0]) for shares in found))


def models(world: World, draw: np.random.Generator) -> list[float]:
    """Say what two single checkpoints show: McNemar, signs flipped, and whether the bootstrap holds the truth of 0."""
    values = answers(world, 2, draw)
    found = items.for_these_models(contrast(values), greedy=True)
    skewed = np.exp(draw.normal(size=(1, world.n_items, 1)) + draw.normal(size=values.shape))
    shifted = skewed * np.exp(world.noise * draw.normal(size=(2, 1, 1)))
    flipped = items.for_these_models(contrast(shifted, binary=False), greedy=True)
    return [float((one.models_p or 0.0) <= 0.05) for one in (found, flipped)] + [
        float(one.models_low is None or one.models_low <= 0 <= (one.models_high or 0.0)) for one in (found, flipped)
    ]


def models_table(on: Studies) -> None:
    """Print false positives of the item-level tests for one checkpoint per arm, as run noise grows."""
    heading("items: McNemar / sign-flip; bootstrap holds 0", *(f"run noise {noise}" for noise in NOISES))
    for place, (names, n_items) in enumerate([("clustered", 200), ("skewed", 200), ("clustered", 30)]):
        cells = []
        for noise in NOISES:
            made = on.shares(partial(models, World(names, noise, 0.0, n_items, 1)), 22, place, int(100 * noise))
            shares = list(map(percent, made))
            cells.append(f"{shares[0]} / {shares[1]}; {shares[2]} / {shares[3]}")
        row(f"{n_items} {names}", *cells)
