"""What may stand where a measured value or an item's name is wanted."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_UNSCORED = frozenset(("", "nan", "na", "n/a", "null", "none"))
_TRUTH = {"true": 1.0, "false": 0.0}
_SHOWN = 40
_SURROGATE = re.compile("[\ud800-\udfff]")
_WITH_COMMA = re.compile(r"[-+]?\d+,\d+")
_LARGEST_WHOLE = 2.0**53  # up to here a float is exact


def number(value: object) -> float | None:
    """Return a measured value; null, blank and NaN are unscored (None), true is 1; raises ValueError.

    An infinite value stays: the statistics count it as unscored, and say so.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _written(value)
    if isinstance(value, (bool, int, float, Decimal)):
        return _finite_or_infinite(value)
    raise ValueError(f"{_shown(value)} is no number")


def _written(text: str) -> float | None:
    word = text.strip().lower()
    if word in _UNSCORED:
        return None
    if word in _TRUTH:
        return _TRUTH[word]
    try:
        if "_" in word:  # Python would read 1_000; nobody who writes numbers to a file means it
            raise ValueError
        return _finite_or_infinite(float(word))
    except ValueError:
        remedy = "; write a point where its comma is, or no comma" if has_comma(text) else ""
        raise ValueError(f"{_shown(text)} is no number{remedy}") from None


def has_comma(value: object) -> bool:
    """Say whether this would be a number but for a comma: a decimal one, or one between thousands."""
    return isinstance(value, str) and _WITH_COMMA.fullmatch(value.strip()) is not None


def is_blank(value: object) -> bool:
    """Say whether nothing is written here, or a word for nothing."""
    try:
        return number(value) is None
    except ValueError:
        return False


def _finite_or_infinite(value: float | Decimal) -> float | None:
    try:
        made = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return None if math.isnan(made) else made


def name(value: object) -> str:
    """Return an item's name, or another label, as text: 17, "17" and 17.0 are one; raises ValueError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        raise ValueError(f"{_shown(value)} is no name")
    if _SURROGATE.search(str(value)):
        raise ValueError(f"{_shown(value)} is no name: half a character stands in it")
    return str(value)


def whole(value: object) -> int | None:
    """Return a whole number (a seed, a sample's number), None where there is none; raises ValueError."""
    made = number(value)
    if made is None:
        return None
    if not made.is_integer():
        raise ValueError(f"{_shown(value)} is no whole number")
    if abs(made) > _LARGEST_WHOLE:
        raise ValueError(f"{_shown(value)} is too large a whole number")
    return int(made)


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
