"""Samples in which some rows stand for more answers than others: how many to draw, and what they say of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leaven.stats.table import Floats

_LEAST_DRAWN = 5  # of each class, where it has so many
_NORMAL = 1.959964  # the 97.5 % point
_NEAR = 1e-9  # an AUC's interval begins further from it than this


def allocated(wanted: int, sizes: Sequence[int]) -> list[int]:
    """Share ``wanted`` among one or two classes by the root of their sizes; each gets 5 or all, none more than all."""
    if sum(sizes) <= wanted:
        return list(sizes)
    if len(sizes) == 1:
        return [wanted]
    least = [min(_LEAST_DRAWN, size, wanted // 2) for size in sizes]
    roots = np.sqrt(sizes)
    first = round(wanted * roots[0] / roots.sum())
    first = min(max(first, least[0], wanted - sizes[1]), sizes[0], wanted - least[1])
    return [first, wanted - first]


def share(hits: NDArray[np.bool_], weight: Floats) -> tuple[float | None, float | None, float | None]:
    """Return a weighted share with its 95 % Wilson interval, on Kish's effective number; None of nothing."""
    from statsmodels.stats.proportion import proportion_confint

    if not len(hits):
        return None, None, None
    found, effective = float(np.average(hits, weights=weight)), _effective(weight)
    low, high = proportion_confint(found * effective, effective, method="wilson")
    return found, float(low), float(high)


def auc(
    positive: Floats, weight: Floats, negative: Floats, other: Floats
) -> tuple[float | None, float | None, float | None]:
    """Return P(a positive scores above a negative) + P(equal) / 2 with its 95 % interval; None without both kinds.

    ``weight`` and ``other`` are the positives' and the negatives' weights. The interval is Newcombe's (2006) method 5:
    the values that are not too far off by Hanley and McNeil's variance there, on Kish's effective numbers. It does not
    shrink to nothing where every pair is in order, and holds where a few labels stand for many (92-96 % simulated,
    where DeLong's variance gives 29-92 %).
    """
    if not len(positive) or not len(negative):
        return None, None, None
    order = np.argsort(negative, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(other[order])])
    ends = (np.searchsorted(negative[order], positive, side=side) for side in ("left", "right"))
    found = float(np.average(sum(below[end] for end in ends) / (2 * below[-1]), weights=weight))
    return found, *_around_auc(found, _effective(weight), _effective(other))


def _effective(weight: Floats) -> float:
    return float(weight.sum() ** 2 / np.sum(weight**2))


def _around_auc(found: float, positives: float, negatives: float) -> tuple[float, float]:
    from scipy import optimize

    typical = max((positives + negatives) / 2 - 1, 0.0)

    def beyond(true: float) -> float:
        spread = true * (1 - true) * (1 + typical * ((1 - true) / (2 - true) + true / (1 + true)))
        return (found - true) ** 2 - _NORMAL**2 * spread / (positives * negatives)

    low = float(optimize.brentq(beyond, 0.0, found - _NEAR)) if found > 2 * _NEAR else 0.0
    high = float(optimize.brentq(beyond, found + _NEAR, 1.0)) if found < 1 - 2 * _NEAR else 1.0
    return low, high
