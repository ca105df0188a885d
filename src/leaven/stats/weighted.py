"""Samples in which some rows stand for more answers than others: how many to draw, and what they say of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leaven.stats.table import Floats

_LEAST_DRAWN = 5  # of each class, where it has so many


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
    found, effective = float(np.average(hits, weights=weight)), float(weight.sum() ** 2 / np.sum(weight**2))
    low, high = proportion_confint(found * effective, effective, method="wilson")
    return found, float(low), float(high)


def auc(positive: Floats, weight: Floats, negative: Floats, other: Floats) -> float | None:
    """Return P(a positive scores above a negative) + P(equal) / 2, ``weight`` and ``other`` being their weights."""
    if not len(positive) or not len(negative):
        return None
    order = np.argsort(negative, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(other[order])])
    ends = (np.searchsorted(negative[order], positive, side=side) for side in ("left", "right"))
    return float(np.average(sum(below[end] for end in ends) / (2 * below[-1]), weights=weight))
