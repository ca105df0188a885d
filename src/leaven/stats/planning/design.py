"""What the two-way t test of a design finds: its power and its equivalence's, for true variances that are given.

The truth is the model of inference.py, ``d[i, s] = effect + item[i] + seed[s] + rest[i, s]``, all normal. Then the
three mean squares are independent scaled chi-squares, and independent of the mean. Given them, the test's variance
and degrees of freedom are known numbers, and a rejection has a normal probability; it is averaged over the mean
squares by quadrature. For one mean square this is the noncentral t. One noncentral t at the *expected* mean squares
would be simpler, but its power is 1 to 5 points off at 3 seeds and 200 items (and tens with few items): the degrees
of freedom vary from study to study.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from leaven.stats.inference import MIN_SEEDS
from leaven.stats.table import Floats

ALPHA, POWER = 0.05, 0.8
TOST_ALPHA = 0.05  # of each of the two one-sided tests behind "no change"
MOST_ITEMS, MOST_SEEDS = 10_000_000, 1_000
_EXACT_BELOW = 10  # degrees of freedom up to which a chi-square is skewed enough to need many nodes


@dataclass(frozen=True)
class Design:
    """Items and seeds of one difference of two arms, and the true spread of its pairs.

    ``item_sd`` is the SD over items of one pair's difference, within a run; ``lasting`` the share of its variance
    that an item keeps in every run (the rest is new in each); ``seed_sd`` the SD over runs of a run's true mean
    difference. ``n_seeds`` is 0 where neither arm is trained.
    """

    n_items: int
    n_seeds: int
    item_sd: float = 1.0
    lasting: float = 0.0
    seed_sd: float = 0.0

    @property
    def has_test(self) -> bool:
        """Whether compare would make a test at all."""
        if self.n_seeds == 0:
            return self.n_items > 1
        return self.n_items > 0 and self.n_seeds >= MIN_SEEDS

    def expected(self) -> tuple[float, float, float]:
        """Return the expected mean squares of items, seeds and rest, divided by the number of pairs."""
        items, seeds = self.n_items, max(self.n_seeds, 1)
        item, rest = self.lasting * self.item_sd**2, (1 - self.lasting) * self.item_sd**2
        if self.n_seeds == 0:
            return (item + rest) / items, 0.0, 0.0
        alone = self.seed_sd**2 / seeds + rest / (items * seeds)
        if items == 1:  # the one item is what is spoken of, not a draw
            return 0.0, alone, 0.0
        return item / items + rest / (items * seeds), alone, rest / (items * seeds)

    def freedom(self) -> tuple[int, int, int]:
        """Return the degrees of freedom of the three mean squares; 0 where the table has none."""
        items, seeds = self.n_items - 1, max(self.n_seeds - 1, 0)
        return items, seeds, items * seeds


def power_at(effect: float, design: Design, *, alpha: float = ALPHA) -> float | None:
    """Return the chance that the two-sided test at ``alpha`` finds a true ``effect``; None where no test is made."""
    if not design.has_test:
        return None
    from scipy.special import ndtr

    sd, half, weight = _spread(design, alpha / 2, is_test=True)
    if sd == 0:
        return float(effect != 0)
    return float(np.sum(weight * (ndtr((effect - half) / sd) + ndtr((-effect - half) / sd))))


def equivalence_at(margin: float, design: Design) -> float | None:
    """Return the chance that "no change within ``margin``" is shown where the true effect is 0 (two one-sided tests).

    None where no test is made. Source: Schuirmann (1987); the same variance and degrees of freedom as the interval's.
    """
    if not design.has_test:
        return None
    from scipy.special import ndtr

    sd, half, weight = _spread(design, TOST_ALPHA)
    room = np.maximum(margin - half, 0.0)
    return float(np.sum(weight * (2 * ndtr(room / sd) - 1))) if sd > 0 else float(margin > 0)


def detectable(
    item_sd: float,
    seed_sd_ratio: float,
    n_items: int,
    n_seeds: int,
    *,
    lasting: float = 0.0,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float | None:
    """Return the smallest true difference that is found with ``power``, in the unit of ``item_sd``.

    ``seed_sd_ratio`` is the seed SD in units of the item SE, ``item_sd / sqrt(n_items)``. None where no test is made.
    """
    found = _detectable(seed_sd_ratio, n_items, n_seeds, lasting, alpha, power)
    return None if found is None else item_sd * found


def smallest_margin(
    item_sd: float, seed_sd_ratio: float, n_items: int, n_seeds: int, *, lasting: float = 0.0, power: float = POWER
) -> float | None:
    """Return the smallest margin within which "no change" is shown with ``power``; arguments as in `detectable`."""
    found = _smallest_margin(seed_sd_ratio, n_items, n_seeds, lasting, power)
    return None if found is None else item_sd * found


def items_needed(margin: float, design: Design, *, power: float = POWER) -> int | None:
    """Return how many items show "no change within ``margin``" with ``power``, at the design's seeds and seed SD.

    None where no number up to 10 million does: the runs' own variance alone is too large.
    """
    return _least(lambda count: equivalence_at(margin, replace(design, n_items=count)), 2, MOST_ITEMS, power)


def seeds_needed(margin: float, design: Design, *, power: float = POWER) -> int | None:
    """Return how many seeds show it with the design's items; None where not even 1,000 do, or nothing is trained."""
    if design.n_seeds == 0 or design.n_items == 0:
        return None
    return _least(lambda count: equivalence_at(margin, replace(design, n_seeds=count)), MIN_SEEDS, MOST_SEEDS, power)


def _least(chance: Callable[[int], float | None], low: int, high: int, power: float) -> int | None:
    """Return the smallest count from ``low`` to ``high`` whose chance reaches ``power``, found by doubling and halving.

    Doubling comes first because a chance can fall again: with ever more items, the runs' few degrees of freedom rule.
    """
    enough = low
    while (chance(enough) or 0.0) < power:
        low, enough = enough + 1, 2 * enough
        if enough > high:
            return None
    while low < enough:
        middle = (low + enough) // 2
        low, enough = (low, middle) if (chance(middle) or 0.0) >= power else (middle + 1, enough)
    return enough


def of_ratio(item_sd: float, seed_sd_ratio: float, n_items: int, n_seeds: int, lasting: float = 0.0) -> Design:
    """Return the design whose seed SD is ``seed_sd_ratio`` times its item SE."""
    return Design(n_items, n_seeds, item_sd, lasting, seed_sd_ratio * item_sd / max(n_items, 1) ** 0.5)


# Metrics of one suite share their items, seeds and ratios: in item SDs they share the answer too.
@lru_cache(maxsize=1024)
def _detectable(ratio: float, n_items: int, n_seeds: int, lasting: float, alpha: float, power: float) -> float | None:
    design = of_ratio(1.0, ratio, n_items, n_seeds, lasting)
    return _crossing(lambda effect: power_at(effect, design, alpha=alpha), power) if design.has_test else None


@lru_cache(maxsize=1024)
def _smallest_margin(ratio: float, n_items: int, n_seeds: int, lasting: float, power: float) -> float | None:
    design = of_ratio(1.0, ratio, n_items, n_seeds, lasting)
    return _crossing(lambda margin: equivalence_at(margin, design), power) if design.has_test else None


def _crossing(chance: Callable[[float], float | None], power: float) -> float:
    """Return where a chance that rises from 0 to 1 reaches ``power``."""
    from scipy.optimize import brentq

    high = 1e-3
    while (chance(high) or 0.0) < power:
        high *= 2
    return float(brentq(lambda at: (chance(at) or 0.0) - power, 0.0, high, rtol=1e-6))


@lru_cache(maxsize=256)
def _spread(design: Design, tail: float, *, is_test: bool = False) -> tuple[float, Floats, Floats]:
    """Return the true SE of the mean, and the test's half-widths over the mean squares with their weights.

    A half-width is the t quantile that leaves ``tail`` above it, times the estimated SE; for a test of no effect
    (``is_test``) that of the runs alone where it is larger.
    """
    from scipy.special import stdtrit

    item, seed, rest = design.expected()
    squares, weight = _mean_squares(design.freedom())
    variance, free = largest(squares * np.array([item, seed, rest]), design.freedom())
    half = np.sqrt(variance) * stdtrit(np.maximum(free, 1.0), 1 - tail)
    if is_test and design.n_seeds:
        half = np.maximum(half, np.sqrt(squares[:, 1] * seed) * stdtrit(design.n_seeds - 1, 1 - tail))
    return float(np.sqrt(item + seed - rest)), half, weight


def largest(parts: Floats, freedom: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Return variance and degrees of freedom as `inference.Components.variance` does, for many tables at once.

    ``parts`` is tables x 3 (items, seeds, rest), as in `inference.Components`.
    """
    item, seed, rest = parts.T
    total = item + seed - rest
    alone, few = np.maximum(item, seed), np.where(item >= seed, freedom[0], freedom[1])
    spread = sum(part**2 / free for part, free in zip(parts.T, freedom, strict=True) if free > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = np.where(spread > 0, total**2 / spread, 1.0)
    return np.where(total < alone, alone, total), np.where(total < alone, few, pooled)


@lru_cache(maxsize=64)
def _mean_squares(freedom: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Return nodes (n x 3) and weights for three independent chi-squares, each divided by its degrees of freedom."""
    axes = [_chi_square(free) for free in freedom]
    nodes = np.meshgrid(*(node for node, _ in axes), indexing="ij")
    weights = np.meshgrid(*(weight for _, weight in axes), indexing="ij")
    return np.stack([node.ravel() for node in nodes], axis=1), np.prod([one.ravel() for one in weights], axis=0)


def _chi_square(free: int) -> tuple[Floats, Floats]:
    """Return Gauss-Legendre nodes and weights over the quantiles of chi-square / df."""
    from scipy.special import chdtri

    if free == 0:
        return np.zeros(1), np.ones(1)
    # The fewer the degrees of freedom, the longer the tail.
    at, weight = np.polynomial.legendre.leggauss(32 if free < _EXACT_BELOW else 12)
    return chdtri(free, 1 - (at + 1) / 2) / free, weight / 2
