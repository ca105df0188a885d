"""Whether `leaven plan` keeps its word: its predicted power against how often the shipped tests reject."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.special import expit

from leaven.stats import inference
from leaven.stats.doses import dose
from leaven.stats.planning import design, rise
from leaven.stats.planning.design import Design
from simulations.studies import Studies, heading, percent, row
from simulations.worlds import NOISES, SEEDS, Floats, World, contrast

DOSES = (0.0, 0.1, 0.33, 1.0)
N_ITEMS = 200
RATIOS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Truth:
    """A world with its spread. ``rate`` is that of 0/1 answers, independent of each other; None for normal ones."""

    name: str
    design: Design
    rate: float | None = None

    def arms(self, effects: Floats, draw: np.random.Generator) -> Floats:
        """Return answers of arms with these effects, arms x items x seeds: each arm brings half of the variance."""
        shape = (len(effects), self.design.n_items, max(self.design.n_seeds, 1))
        runs = self.design.seed_sd / 2**0.5 * draw.normal(size=(shape[0], 1, shape[2]))
        if self.rate is not None:
            rates = np.clip(self.rate + effects[:, None, None] + runs, 0, 1)
            return (draw.random(shape) < rates).astype(float)
        lasting, own = (
            self.design.item_sd * (share / 2) ** 0.5 for share in (self.design.lasting, 1 - self.design.lasting)
        )
        kept = lasting * draw.normal(size=(*shape[:2], 1))
        return effects[:, None, None] + runs + kept + own * draw.normal(size=shape)


KINDS = (
    ("normal", 1.0, 0.0, None), ("normal, 30 % lasting", 1.0, 0.3, None),
    ("0/1, 50 %", 0.5**0.5, 0.0, 0.5), ("0/1, 20 %", 0.32**0.5, 0.0, 0.2),
)  # fmt: skip


def worlds(place: int, n_seeds: int) -> list[Truth]:
    """Return a kind of outcome at each seed SD; ``lasting`` is what items keep in every run."""
    name, sd, lasting, rate = KINDS[place]
    ratios = RATIOS if n_seeds else (0.0,)
    return [Truth(name, design.of_ratio(sd, ratio, N_ITEMS, n_seeds, lasting), rate) for ratio in ratios]


def ends(truth: Truth, effect: float, n_arms: int = 2) -> Floats:
    """Return the arms' effects, an even way from end to end, on both sides of a rate."""
    return effect * (np.linspace(0, 1, n_arms) - (0.5 if truth.rate is not None else 0.0))


def difference(truth: Truth, effect: float, draw: np.random.Generator) -> list[float]:
    """Say whether the t test finds the effect, and half of it."""
    found = []
    for size in (effect, effect / 2):
        values = truth.arms(ends(truth, size)[::-1], draw)
        known = inference.estimate(contrast(values, trained=truth.design.n_seeds > 0, binary=truth.rate is not None))
        found.append(float(known.p is not None and known.p <= 0.05))
    return found


def equivalence(truth: Truth, margin: float, draw: np.random.Generator) -> list[float]:
    """Say whether "no change" is shown where nothing changed."""
    values = truth.arms(np.zeros(2), draw)
    known = inference.estimate(contrast(values, trained=truth.design.n_seeds > 0, binary=truth.rate is not None))
    return [float(bool(known.within(margin)))]


def trend(truth: Truth, size: float, draw: np.random.Generator) -> list[float]:
    """Say whether the permutation test finds an even rise over four doses."""
    values = truth.arms(ends(truth, size, len(DOSES)), draw)
    p = dose.trend(values.mean(axis=1), DOSES).p
    return [float(p is not None and p <= 0.05)]


def table(on: Studies) -> None:
    """Print per world what the tests found where the plan says 80 %."""
    heading("outcome", "seeds", "80 % effect", "found", "80 % margin", "shown", "80 % rise over 4 doses", "found")
    gaps = []
    for place, (name, *_) in enumerate(KINDS):
        for n_seeds in (*SEEDS, 0):
            kept = [_kept(on, truth, place) for truth in worlds(place, n_seeds)]
            gaps += [gap for one in kept for gap in one.gaps]
            row(name, n_seeds, *(" / ".join(column) for column in zip(*(one.cells for one in kept), strict=True)))
    print(f"\nLargest distance between plan and simulation, half effects too: {100 * np.nanmax(gaps):.1f} points.\n")
    _on_logit(on)


@dataclass(frozen=True)
class Kept:
    """What the plan says of a world and what the tests did, as cells; and how far the two are apart."""

    cells: tuple[str, ...]
    gaps: tuple[float, ...]


def _kept(on: Studies, truth: Truth, place: int) -> Kept:
    of = truth.design
    ratio = of.seed_sd / (of.item_sd / of.n_items**0.5)
    sizes, lasting = (of.item_sd, ratio, of.n_items, of.n_seeds), of.lasting
    effect, margin = design.detectable(*sizes, lasting=lasting), design.smallest_margin(*sizes, lasting=lasting)
    assert effect is not None
    assert margin is not None
    half, up = design.power_at(effect / 2, of), rise.detectable_rise(of, DOSES)
    assert half is not None
    seed = (of.n_seeds, place, int(10 * ratio))
    found, of_half = on.shares(partial(difference, truth, effect), 30, *seed)
    alike = on.shares(partial(equivalence, truth, margin), 31, *seed)[0]
    risen = on.shares(partial(trend, truth, up), 32, *seed)[0] if up is not None else np.nan
    return Kept(
        (f"{effect:.3f}", percent(found), f"{margin:.3f}", percent(alike), f"{up:.3f}" if up else "–", percent(risen)),
        (abs(found - 0.8), abs(of_half - half), abs(alike - 0.8), abs(risen - 0.8)),
    )


def spread(world: World) -> Design:
    """Return the true spread of a world on the logit, by brute force: what a perfect pilot would tell."""
    draw = np.random.default_rng(7)
    rates = world.rates(draw, 2_000, 400)
    apart = rates[0] - rates[1]
    answers = np.mean(np.sum(rates * (1 - rates), axis=0))
    runs = np.var(apart.mean(axis=0))
    items = np.var(apart.mean(axis=1))
    rest = answers + np.var(apart) - runs - items
    return Design(
        world.n_items, world.n_seeds, float(items + rest) ** 0.5, float(items / (items + rest)), float(runs) ** 0.5
    )


def logit_shift(world: World, effect: float) -> float:
    """Return the shift on the logit whose mean effect in the population is ``effect``."""
    from scipy.optimize import brentq

    draw = np.random.default_rng(8)
    _, base = World(world.items, 0.0, 0.0, 1, 1, 0.0).population(draw, 200_000)
    logit = np.log(base / (1 - base)) + world.noise * draw.normal(size=base.shape)
    response = world.response * draw.normal(size=base.shape)
    mean = np.mean(expit(logit))
    return float(brentq(lambda shift: np.mean(expit(logit + shift + response)) - mean - effect, -10, 10))


def on_logit(world: World, draw: np.random.Generator) -> list[float]:
    """Say whether the t test finds a world's effect."""
    p = inference.estimate(contrast(world.answers(draw))).p
    return [float(p is not None and p <= 0.05)]


def planned(items: str, noise: float, n_seeds: int) -> tuple[World, float]:
    """Return the world whose effect is found with 80 % power, and that effect; the spread is that with the effect."""
    world, effect = World(items, noise, 0.0, N_ITEMS, n_seeds), 0.0
    for _ in range(4):  # spread and effect depend on each other
        of = spread(world)
        ratio = of.seed_sd / (of.item_sd / of.n_items**0.5)
        effect = design.detectable(of.item_sd, ratio, of.n_items, of.n_seeds, lasting=of.lasting) or 0.0
        world = replace(world, shift=logit_shift(world, effect))
    return world, effect


def _on_logit(on: Studies) -> None:
    """Print the same where items differ in difficulty and response, with the spread of a perfect pilot."""
    heading("items, a perfect pilot", "run noise", *(f"{n} seeds: effect with 80 % power / found" for n in SEEDS))
    for items, noise in itertools.product(("clustered", "skewed"), NOISES):
        worlds = [planned(items, noise, n_seeds) for n_seeds in SEEDS]
        found = [on.shares(partial(on_logit, world), 33, world.n_seeds)[0] for world, _ in worlds]
        row(
            f"{N_ITEMS} {items}",
            noise,
            *(f"{e:.3f} / {percent(share)}" for (_, e), share in zip(worlds, found, strict=True)),
        )
