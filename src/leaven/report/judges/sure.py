"""How shares and means of judges are written, with their intervals, and what these show."""

from __future__ import annotations

from leaven.report import numbers
from leaven.report.listings import NOTHING
from leaven.stats.judged.intervals import Mean, Share
from leaven.stats.judged.luce import Term


def percent(x: float | None) -> str:
    """Write a share in percent with one digit; 0 and 100 only where it is none or all."""
    return numbers.value(x, "share") if numbers.is_number(x) else NOTHING


def shared(found: Share | None) -> str:
    """Write ``61.0 % (55.2 to 66.4)``."""
    if found is None or not numbers.is_number(found.value):
        return NOTHING
    between = _between(found.low, found.high, 100, 1)
    return f"{percent(found.value)}{f' ({between})' if between else ''}"


def meant(found: Mean | None) -> str:
    """Write ``0.61 (0.55 to 0.66)``, signed where it is below 0."""
    return ranged(found.value, found.low, found.high) if found is not None else NOTHING


def ranged(x: float | None, low: float | None, high: float | None) -> str:
    """Write a number with its interval, where it has one."""
    if not numbers.is_number(x):
        return NOTHING
    between = _between(low, high, 1, 2)
    return f"{size(x)}{f' ({between})' if between else ''}"


def size(x: float) -> str:
    """Write a number with two digits."""
    return _digits(x, 2)


def interval(found: Share | Mean) -> str:
    """Write ``95 % interval 55.2 to 66.4 %``, or that there is none."""
    scale, digits, unit = (100, 1, f"{numbers.NBSP}%") if isinstance(found, Share) else (1, 2, "")
    between = _between(found.low, found.high, scale, digits)
    return f"95{numbers.NBSP}% interval {between}{unit}" if between else "no interval"


def coefficient(term: Term | None) -> str:
    """Write a change of log-odds as the factor on the odds: ``x 1.35 (1.21 to 1.50)``."""
    import math

    if term is None or not numbers.is_number(term.value):
        return NOTHING
    ends = [math.exp(x) for x in (term.low, term.high) if numbers.is_number(x) and abs(x) < 100]
    made = f"×{numbers.NBSP}{math.exp(term.value):.2f}" if abs(term.value) < 100 else NOTHING
    return f"{made} ({ends[0]:.2f} to {ends[1]:.2f})" if len(ends) == 2 else made


def _between(low: float | None, high: float | None, scale: float, digits: int) -> str:
    if not (numbers.is_number(low) and numbers.is_number(high)):
        return ""
    return f"{_digits(scale * low, digits)} to {_digits(scale * high, digits)}"


def _digits(x: float, digits: int) -> str:
    return f"{round(x, digits) + 0.0:.{digits}f}".replace("-", "−")


def side(found: Share | Mean, middle: float) -> int:
    """Return 1 where the whole interval lies above a value, -1 where it lies below, 0 where neither is shown."""
    if not (numbers.is_number(found.low) and numbers.is_number(found.high)):
        return 0
    return 1 if found.low > middle else -1 if found.high < middle else 0
