"""Coverage of the two-way bootstrap at ten seeds, beside the t interval's on the same data."""

from __future__ import annotations

from functools import partial

import numpy as np

from leaven.stats import inference
from leaven.stats.differences import bootstrap
from simulations.ratios import ITEM_SD, REST_SD, scores
from simulations.studies import Studies, heading, percent, row
from simulations.worlds import NOISES, World, contrast

N_SEEDS = 10


def study(world: World, truth: float, binary: bool, draw: np.random.Generator) -> list[float]:
    """Say whether the bootstrap and the t interval hold the truth; NaN where the bootstrap gives none."""
    pairs = contrast(world.answers(draw) if binary else scores(world, draw), binary=binary)
    drawn = bootstrap.two_way(pairs, seed=int(draw.integers(2**31)), draws=1_000)
    made = inference.estimate(pairs).interval()
    inside = [np.nan if ends is None else float(ends[0] <= truth <= ends[1]) for ends in (drawn, made)]
    return [*inside, float(drawn is not None)]


def truth_of_scores(world: World) -> float:
    """Return the mean difference of log-normal scores in the population."""
    spread = ITEM_SD**2 + REST_SD**2 + world.noise**2
    return float(np.exp(world.shift + (spread + world.response**2) / 2) - np.exp(spread / 2))


def table(on: Studies) -> None:
    """Print coverage per world; in brackets, how often the bootstrap gives an interval, where it is not always."""
    heading(f"{N_SEEDS} seeds: bootstrap / t", *(f"run noise {noise}" for noise in NOISES))
    worlds = [
        ("clustered", 200, 1.0),
        ("skewed", 200, 1.0),
        ("alike", 20, 0.0),
        ("rare", 50, 1.0),
        ("ceiling", 50, -1.0),
    ]
    for place, (items, n_items, shift) in enumerate(worlds):
        made = [World(items, noise, shift, n_items, N_SEEDS) for noise in NOISES]
        row(f"{n_items} {items}", *(_cell(on, world, world.truth(), True, place) for world in made))
    made = [World("clustered", noise, 0.5, 100, N_SEEDS) for noise in NOISES]
    row("100, skewed scores", *(_cell(on, world, truth_of_scores(world), False, len(worlds)) for world in made))


def _cell(on: Studies, world: World, truth: float, binary: bool, place: int) -> str:
    drawn, made, given = on.shares(partial(study, world, truth, binary), 70, place, int(100 * world.noise))
    return f"{percent(drawn)} / {percent(made)}{'' if given == 1 else f' ({percent(given)})'}"
