"""Where names stand beside points: the first of some places around each that covers nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_AWAY = 8.0  # from a point to its name
_LEAST = 0.04  # of a name may be covered
_DOT = 5.0  # half of what a point takes


@dataclass(frozen=True)
class Label:
    """A name to be placed: its point, and how wide and high the name is, all in units."""

    x: float
    y: float
    wide: float
    high: float


@dataclass(frozen=True)
class _Box:
    left: float
    low: float
    right: float
    top: float

    def covers(self, other: _Box) -> float:
        """Return the area that two boxes share."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.top, other.top) - max(self.low, other.low)
        return max(wide, 0.0) * max(high, 0.0)


def placed(
    labels: Sequence[Label], points: Sequence[tuple[float, float]], inside: tuple[float, float]
) -> list[tuple[float, float] | None]:
    """Return each name's shift from its point to its own left middle; None where every place covers something."""
    taken = [_Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in points]
    made: list[tuple[float, float] | None] = []
    for one in labels:
        options = [(_area(box, taken, inside), place, shift) for place, (shift, box) in enumerate(_around(one))]
        covered, _, shift = min(options)
        free = covered <= _LEAST * one.wide * one.high
        made.append(shift if free else None)
        if free:
            taken.append(_box(one, shift))
    return made


def _around(one: Label) -> list[tuple[tuple[float, float], _Box]]:
    up, half = _AWAY + one.high / 2, one.wide / 2
    shifts = [(_AWAY, 0.0), (_AWAY, up - 4), (_AWAY, 4 - up), (-half, up), (-half, -up), (-_AWAY - one.wide, 0.0),
              (-_AWAY - one.wide, up - 4), (-_AWAY - one.wide, 4 - up), (2.0, up + 6), (2.0, -up - 6)]  # fmt: skip
    return [(shift, _box(one, shift)) for shift in shifts]


def _box(one: Label, shift: tuple[float, float]) -> _Box:
    x, y = one.x + shift[0], one.y + shift[1]
    return _Box(x, y - one.high / 2, x + one.wide, y + one.high / 2)


def _area(box: _Box, taken: Sequence[_Box], inside: tuple[float, float]) -> float:
    """Return how much of what is taken, or of what lies outside, a name would cover."""
    whole = (box.right - box.left) * (box.top - box.low)
    outside = whole - box.covers(_Box(0, 0, inside[0] + 8, inside[1] + 6))
    return outside * 4 + sum(box.covers(other) for other in taken)
