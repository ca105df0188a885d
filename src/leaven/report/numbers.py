"""How numbers are written: shares in percent, differences of shares in points, p never as 0.

Between a number and its unit stands a no-break space; the minus sign is a real one.
"""

from __future__ import annotations

import math
from typing import TypeGuard

from leaven.report.text import label

NOT_MEASURED = "not measured"
NBSP = "\u00a0"
_ROUNDING = 1e-12  # a sum that should be 0 comes out as less than this
_LEVEL = 0.05  # of what is called shown


def is_number(x: float | None) -> TypeGuard[float]:
    """Say whether there is a finite number."""
    return x is not None and math.isfinite(x)


def value(x: float | None, unit: str = "score") -> str:
    """Write a measured value in its unit; None is ``not measured``, never 0."""
    if not is_number(x):
        return NOT_MEASURED
    if unit == "share":
        return f"<{NBSP}0.01{NBSP}%" if 0 < x < 0.00005 else f"{_digits(100 * x, coarse=True)}{NBSP}%"
    return _digits(x) if unit == "score" else f"{_digits(x, coarse=unit == 'words')}{NBSP}{label(unit)}"


def change(x: float | None, unit: str = "score") -> str:
    """Write a difference with its sign: percentage points for shares, else the unit itself."""
    if not is_number(x):
        return NOT_MEASURED
    if unit == "score":
        return bare_change(x, unit)
    word = "points" if unit == "share" else label(unit)
    return f"{bare_change(x, unit)}{NBSP}{word}"


def bare_change(x: float, unit: str = "score") -> str:
    """Write a signed difference without the name of its unit."""
    scaled = 100 * x if unit == "share" else x
    made = _digits(scaled, coarse=unit in ("share", "words"))
    return made if made.startswith("−") else f"+{made}"


def size(x: float, unit: str = "score") -> str:
    """Write how large a difference is, without a sign: a margin, say."""
    return change(abs(x), unit).removeprefix("+")


def interval(low: float | None, high: float | None, unit: str = "score") -> str | None:
    """Write the bounds of a difference, or return None when there are none."""
    if not (is_number(low) and is_number(high)):
        return None
    return f"{bare_change(low, unit)} to {bare_change(high, unit)}"


def p_value(p: float | None) -> str:
    """Write a p value: three digits, ``< 0.001`` below, a dash when there was no test.

    Near 0.05 it has as many digits as show on which side it is.
    """
    if not is_number(p):
        return "–"
    if p < 0.001:
        return f"<{NBSP}0.001"
    if p >= 0.1:
        return f"{p:.2f}"
    written = [f"{p:.{digits}f}" for digits in (3, 4, 5)]
    sided = [
        text for text in written if (float(text) < _LEVEL) == (p < _LEVEL) and (float(text) > _LEVEL) == (p > _LEVEL)
    ]
    return sided[0] if sided else f"{'<' if p < _LEVEL else '>'}{NBSP}{_LEVEL:g}"


def p_phrase(p: float) -> str:
    """Write ``p-value 0.012`` or ``p-value < 0.001``, for a sentence: a dose may well be called p."""
    return f"p-value{NBSP}{p_value(p)}"


def count(n: float | None) -> str:
    """Write a count with thousands apart."""
    return NOT_MEASURED if not is_number(n) else f"{n:,.0f}"


def duration(seconds: float | None) -> str:
    """Write a time in the unit a person would use."""
    if not is_number(seconds):
        return NOT_MEASURED
    if seconds < 60:
        return f"{seconds:.1f}{NBSP}s"
    return f"{seconds / 60:.1f}{NBSP}min" if seconds < 3600 else f"{seconds / 3600:.1f}{NBSP}h"


def dose(x: float | None) -> str:
    """Write a dose as briefly as it was declared."""
    return "–" if not is_number(x) else f"{x:g}".replace("-", "−")


def rounded(x: float | None) -> str:
    """Write a number that was computed, not declared: three significant digits; what is only rounding is 0."""
    return "–" if not is_number(x) else "0" if abs(x) < _ROUNDING else f"{x:.3g}".replace("-", "−")


def share(x: float | None) -> str:
    """Write a part of a whole as whole percent."""
    return "–" if not is_number(x) else f"{100 * x:.0f}{NBSP}%"


def memory(megabytes: float | None) -> str:
    """Write an amount of memory in the unit a person would use."""
    if not is_number(megabytes):
        return NOT_MEASURED
    return f"{megabytes:,.0f}{NBSP}MB" if megabytes < 1000 else f"{megabytes / 1000:.1f}{NBSP}GB"


def _digits(x: float, *, coarse: bool = False) -> str:
    """Write a number with digits that suit its size; what rounds to zero is 0 without a sign."""
    size_of = abs(x)
    if coarse and size_of < 1e12:
        made = f"{x:,.2f}" if 0.005 <= size_of < 0.05 else f"{x:,.1f}"
    elif size_of >= 1e6 or 0 < size_of < 1e-6:
        made = f"{x:.1e}"
    else:
        made = f"{x:,.{_decimals(size_of)}f}"
    if "e" not in made and not made.strip("-0.,"):
        made = made.removeprefix("-")
    return made.replace("-", "−")


def _decimals(size_of: float) -> int:
    """Return how many decimals show a number; a small one has as many as it needs not to read as 0."""
    if 0 < size_of < 0.001:
        return max(4, -math.floor(math.log10(2 * size_of)))
    return 0 if size_of >= 1000 else 1 if size_of >= 100 else 2 if size_of >= 10 else 3
