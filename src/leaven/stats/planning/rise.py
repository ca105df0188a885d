"""What the permutation test of a trend finds: the smallest even rise over a sweep's doses.

The very test of dose.py is made on simulated runs (normal, an explicit seed). Its statistic is linear in the data, so
one set of simulated runs serves every size of the rise.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from leaven.stats.doses import dose
from leaven.stats.planning.design import ALPHA, POWER, Design
from leaven.stats.table import Floats

_STUDIES = 2_000
_TRIED = 1_000  # orders; where there are more, so many are drawn
_SEED = 20_260
_HALVINGS = 12


def detectable_rise(
    design: Design, doses: Sequence[float], *, alpha: float = ALPHA, power: float = POWER
) -> float | None:
    """Return the smallest true rise from the lowest to the highest dose that the trend's test finds with ``power``.

    The rise is even from each dose to the next (the test looks at their order alone). ``design`` is that of a
    difference of two arms, each of which brings half of its variance. None where the test is not offered (one seed,
    too few orders for 0.05), or where its smallest p exceeds ``alpha``.
    """
    from scipy.stats import rankdata

    if design.n_seeds < 2 or design.n_items == 0 or len(set(doses)) < 2:
        return None
    if dose.smallest_p(doses, design.n_seeds) > alpha:
        return None
    lasting = design.lasting * design.item_sd**2 / design.n_items / 2
    run = (design.seed_sd**2 + (1 - design.lasting) * design.item_sd**2 / design.n_items) / 2
    if run == 0:
        return 0.0
    ranks = rankdata(doses) - (len(doses) + 1) / 2
    in_runs = _rise(tuple(ranks.tolist()), design.n_seeds, float(np.sqrt(lasting / run)), alpha, power)
    return float(np.sqrt(run)) * in_runs


def rejected(rise: float, ranks: Sequence[float], n_seeds: int, lasting: float, alpha: float) -> float:
    """Return the share of simulated studies in which the test finds ``rise``, in SDs of one arm's run mean.

    ``lasting`` is the SD of what an arm keeps in all runs (its items' own response), in the same unit.
    """
    noise, signal = _statistics(tuple(ranks), n_seeds, lasting)
    found = np.abs(noise + rise * signal[:, None])
    # The first order is the observed one; equal orders differ by rounding.
    p = np.mean(found >= found[0] * (1 - 1e-9), axis=0)
    return float(np.mean(p <= alpha))


@lru_cache(maxsize=256)
def _rise(ranks: tuple[float, ...], n_seeds: int, lasting: float, alpha: float, power: float) -> float:
    low, high = 0.0, 1.0
    while rejected(high, ranks, n_seeds, lasting, alpha) < power:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rejected(middle, ranks, n_seeds, lasting, alpha) >= power else (middle, high)
    return high


@lru_cache(maxsize=1)
def _statistics(ranks: tuple[float, ...], n_seeds: int, lasting: float) -> tuple[Floats, Floats]:
    """Return the statistic of every order (orders x studies) without a rise, and what a rise of 1 adds to each."""
    draw = np.random.default_rng(_SEED)
    at, half = np.array(ranks), _STUDIES // 2
    means = draw.normal(size=(len(at), n_seeds, half)) + lasting * draw.normal(size=(len(at), 1, half))
    means = np.concatenate([means, -means], axis=2)  # antithetic: what one study finds too easily, its mirror misses
    orders = _orders(at, n_seeds, draw)
    even = np.repeat(at[:, None] / (at.max() - at.min()), n_seeds, axis=1)
    return np.tensordot(orders, means, axes=([1, 2], [0, 1])), np.tensordot(orders, even, axes=([1, 2], [0, 1]))


def _orders(ranks: Floats, n_seeds: int, draw: np.random.Generator) -> Floats:
    """Return orders x doses x seeds, the declared order first: all of them, or the first and 999 that are drawn."""
    plain = np.repeat(ranks[:, None], n_seeds, axis=1)[None]
    per_seed = math.factorial(len(ranks)) // math.prod(map(math.factorial, Counter(ranks.tolist()).values()))
    if per_seed**n_seeds > _TRIED:
        mixed = draw.permuted(np.repeat(plain, _TRIED - 1, axis=0), axis=1)
        return np.asarray(np.concatenate([plain, mixed]), dtype=np.float64)
    one = sorted(set(itertools.permutations(ranks.tolist())), key=lambda order: order != tuple(ranks.tolist()))
    every = itertools.product(one, repeat=n_seeds)
    return np.array([np.array(order).T for order in every])
