"""Axes in numbers and words: round places, how they are written, how wide a word is, and names that must be short."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.text import clean

SMALL, TEXT = 10.5, 11.5  # sizes of letters
LETTER = 0.6  # a letter's usual width in ems: what letters need is only known to the browser


def width(text: str, size: float) -> float:
    """Return about how wide a text will be, in the unit of ``size``."""
    return len(text) * size * LETTER


def short(name: str, limit: int) -> str:
    """Return a name in one line, cut in its middle: what tells arms apart stands at their names' ends as well."""
    line = " ".join(clean(name).split())
    if len(line) <= limit:
        return line
    head = (limit - 1) // 2
    return f"{line[:head].rstrip()}…{line[len(line) - (limit - 1 - head) :].lstrip()}"


def ticks(
    low: float, high: float, unit: str, room: float | None = None, *, change: bool = False
) -> list[tuple[float, str]]:
    """Return round places within a range with their words, as many as stand side by side in a ``room`` in units.

    Shares are written in percent, their changes in points.
    """
    sign = f"{numbers.NBSP}%" if unit == "share" and not change else ""
    made: list[tuple[float, str]] = []
    for most in (6, 5, 4, 3, 2):
        places = _round_places(low, high, most)
        scaled = [100 * x if unit == "share" else x for x in places]
        made = [(place, f"{text}{sign}") for place, text in zip(places, written(scaled), strict=True)]
        if room is None or len(made) < 2 or _fits(made, room / (high - low)):
            break
    return made


def _round_places(low: float, high: float, most: int) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10], min_n_ticks=min(3, most)).tick_values(low, high)
    slack = 1e-9 * (high - low)  # 3 times 0.1 is more than 0.3
    return [float(x) for x in found if low - slack <= x <= high + slack]


def _fits(made: Sequence[tuple[float, str]], scale: float) -> bool:
    """Say whether the words stand apart from each other; ``scale`` is in units."""
    widest = max(width(text, TEXT) for _, text in made)
    return widest + 8 <= scale * min(b - a for (a, _), (b, _) in itertools.pairwise(made))


def written(values: Sequence[float]) -> list[str]:
    """Write the numbers of one axis, all with the digits that their step needs."""
    size = max(map(abs, values), default=0.0)
    step = min((b - a for a, b in itertools.pairwise(values)), default=size)
    if size >= 1e6 or 0 < size < 1e-4 or step <= 0:
        return [f"{x:.4g}".replace("-", "−") for x in values]
    digits = next((d for d in range(8) if math.isclose(round(step, d), step, rel_tol=1e-6)), 8)
    return [f"{round(x, digits) + 0.0:,.{digits}f}".replace("-", "−") for x in values]


def around(values: Sequence[float], room: float = 0.08) -> tuple[float, float]:
    """Return a range that holds all values and a little more, also where they are all equal."""
    low, high = min(values), max(values)
    more = room * (high - low) or 0.1 * abs(high) or 0.1
    return low - more, high + more
