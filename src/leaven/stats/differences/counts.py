"""From raw counts alone: the ratio of two shares where one of them is 0 as well, and by how much a harm fell.

``sizes`` gives the ratio of what was paired, over items and runs, by its logarithm; an empty cell has none. Here every
trial counts alike and on its own: count items, not answers, where an item was asked several times.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_FURTHEST = 60.0  # of a ratio's logarithm: beyond it there is no number that a reader could use
_STEP = 0.5


class Ratio(NamedTuple):
    """A ratio of two shares with its interval; null: the baseline has no hit, or there is no upper bound."""

    point: float | None
    low: float
    high: float | None


class Fewer(NamedTuple):
    """By which share something became rarer, with its interval; below 0 it became more, null: there is no bound."""

    point: float | None
    low: float | None
    high: float


def risk_ratio(hits: int, trials: int, baseline_hits: int, baseline_trials: int, level: float = 0.95) -> Ratio:
    """Return the ratio of two shares with Koopman's interval: the ratios that the score test does not reject.

    Source: Koopman 1984 (Biometrics 40: 513-517), by the constrained estimates of Miettinen and Nurminen 1985, without
    their N / (N - 1). It needs no hit in either group: 0 of 100 against 10 of 100 is a ratio of 0 to about 0.4. Both
    groups are taken to be independent, so for paired items, which mostly go together, it is wide rather than narrow.
    Raises ValueError for counts that cannot be.
    """
    for some, of in ((hits, trials), (baseline_hits, baseline_trials)):
        if not 0 <= some <= of or not of:
            raise ValueError(f"{some} of {of} is no share")
    counts = (hits, trials, baseline_hits, baseline_trials)
    point = hits / trials * baseline_trials / baseline_hits if baseline_hits else None
    low = _bound(counts, level, -1) if hits else 0.0
    high = _bound(counts, level, 1) if baseline_hits else math.inf
    return Ratio(point, low, high if math.isfinite(high) else None)


def fewer(ratio: Ratio) -> Fewer:
    """Return by which share it fell: 1 - ratio."""
    point, high = (None if one is None else 1 - one for one in (ratio.point, ratio.high))
    return Fewer(point, high, 1 - ratio.low)


def _bound(counts: tuple[int, int, int, int], level: float, way: int) -> float:
    """Return where the score statistic reaches the level's, walking up or down from the ratio itself."""
    from scipy import stats
    from scipy.optimize import brentq

    x, n, y, m = counts
    limit = float(stats.norm.ppf((1 + level) / 2)) ** 2

    def beyond(log_ratio: float) -> float:
        return _statistic(math.exp(log_ratio), *counts) - limit

    start = math.log(x / n * m / y) if x and y else math.log(m / n) - way * _FURTHEST / 2
    end = start + way * _STEP
    while beyond(end) < 0:
        if abs(end) > _FURTHEST:
            return 0.0 if way < 0 else math.inf
        start, end = end, end + way * _STEP
    return math.exp(brentq(beyond, *sorted((start, end)), xtol=1e-10))


def _statistic(ratio: float, x: int, n: int, y: int, m: int) -> float:
    """Return how far, in squared standard errors, x of n and y of m are from shares of this ratio."""
    a, b, c = (n + m) * ratio, n * ratio + x + m + y * ratio, x + y
    below = (b - math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    above = ratio * below
    variance = above * (1 - above) / n + ratio * ratio * below * (1 - below) / m
    apart = x / n - ratio * y / m
    return apart * apart / variance if variance > 0 else (math.inf if apart else 0.0)
