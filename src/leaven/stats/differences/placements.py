"""Placements: where one sample's values stand among another's (DeLong, DeLong and Clarke-Pearson 1988)."""

from __future__ import annotations

import numpy as np

from leaven.stats.table import Floats


def placements(values: Floats, others: Floats) -> Floats:
    """Return for each value the share of ``others`` below it, ties counting half; neither may hold NaN."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(below / (2 * len(ordered)), dtype=np.float64)
