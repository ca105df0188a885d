"""The dose at which a curve passes 50 %."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leaven.stats.doses.line import Line
from leaven.stats.doses.tolerated import furthest


def ed50(made: Line, places: Sequence[float]) -> tuple[float | None, float | None, float | None, str | None]:
    """Return the dose where a logit line is at 50 %, its 95 % interval, and why there is none.

    ``places`` are the tested doses and some between them, ascending; outside them no dose is named. The interval is
    every dose whose band holds 50 % (Fieller 1954): as wide as the band is there, and not symmetric. An end of it is
    None where it lies beyond the tested doses.
    """
    level, slope = made.coefs.tolist()
    half = -level / slope if slope else np.inf
    sure = made.interval(made.slope())
    if not places[0] <= half <= places[-1]:
        return None, None, None, None
    if sure is None:
        return half, None, None, None
    if sure[0] <= 0 <= sure[1]:
        return None, None, None, "the slope's sign is not sure: no dose is named for 50 %"

    def is_near(dose: float) -> bool:
        low, high = made.interval(made.height(dose)) or (-np.inf, np.inf)
        return low <= 0 <= high

    low = furthest(is_near, [half, *(dose for dose in reversed(places) if dose < half)])
    high = furthest(is_near, [half, *(dose for dose in places if dose > half)])
    return half, low if low > places[0] else None, high if high < places[-1] else None, None
