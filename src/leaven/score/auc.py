"""How well a score tells two classes apart: the area under the ROC curve, and its value for each item.

The area is Mann-Whitney's U over m times n: the share of pairs of a positive and a negative item in which the positive
one scores higher, ties counted half (Hanley & McNeil 1982, Radiology 143: 29-36).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 8
"""Items of each class that an interval needs: of fewer the spread among the values says too little."""


def too_few(positive: Sequence[bool], names: tuple[str, str]) -> str | None:
    """Say why the values of ``influence`` would mislead, None where they would not; ``names`` are of both classes.

    A t-interval over them was false where nothing differs in 41 % of trials with 1 and 39 items at a level of 5 %, in
    14 % with 2 and 38, in 11 % with 5 and 35, in 4 % with 10 and 30.
    """
    m = sum(map(bool, positive))
    n = len(positive) - m
    if min(m, n) >= FEWEST:
        return None
    return f"{m} {names[0]} and {n} {names[1]}; an interval needs at least {FEWEST} of each"


def auc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Return the area under the ROC curve, 0 to 1; None where one class has no item. Scores may not be NaN."""
    beaten, _ = _beaten(scores, positive)
    if beaten is None:
        return None
    wins, losses = beaten  # in halves of pairs, whole numbers: exact
    return float(wins.sum() / 2 / (len(wins) * len(losses)))


def influence(scores: Sequence[float], positive: Sequence[bool]) -> list[float]:
    """Return a value for each item, in the items' order: their mean is the area, their spread its error.

    Their sample variance over their number is the area's variance after DeLong et al. (1988, Biometrics 44: 837-845),
    S10 / m + S01 / n. So a mean of such values, and a mean of differences between two models on the same items, has
    the interval that DeLong's method gives. Values lie around the area, not between 0 and 1. Both classes are needed.
    """
    import numpy as np

    beaten, where = _beaten(scores, positive)
    if beaten is None:
        raise ValueError("both classes need an item; ask `auc` first, which is None where one has none")
    wins, losses = beaten
    m, n = len(wins), len(losses)
    area = wins.sum() / 2 / (m * n)
    values = np.empty(m + n)
    values[where] = area + _stretch(m, n) * (wins / (2 * n) - area)
    values[~where] = area + _stretch(n, m) * (losses / (2 * m) - area)
    return [float(value) for value in values]


def _stretch(own: int, other: int) -> float:
    """Return by how much the placements of a class are stretched so that the sample variance is DeLong's, exactly.

    About (own + other) / own; a single item lies on the area itself, and nothing is to be stretched.
    """
    total = own + other
    return math.sqrt(total * (total - 1) / (own * (own - 1))) if own > 1 else 0.0


def _beaten(
    scores: Sequence[float], positive: Sequence[bool]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]] | None, NDArray[np.bool_]]:
    """Return how many of the other class each item beats, in halves; a negative item beats those that score higher."""
    import numpy as np

    values, where = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    assert values.shape == where.shape, f"{values.shape} scores of {where.shape} items"
    if np.isnan(values).any():
        raise ValueError("a score is not a number; leave such items out and count them")
    above, below = np.sort(values[where]), np.sort(values[~where])
    if not len(above) or not len(below):
        return None, where
    wins: Any = np.searchsorted(below, values[where], "left") + np.searchsorted(below, values[where], "right")
    lost: Any = np.searchsorted(above, values[~where], "left") + np.searchsorted(above, values[~where], "right")
    return (wins, 2 * len(above) - lost), where
