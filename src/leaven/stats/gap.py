"""How much of a gap is closed: (student - bare) / (teacher - bare), with the interval of Fieller (1954).

The share rho is in the interval where ``student - rho teacher - (1 - rho) bare`` cannot be told from 0: a linear
contrast of three arms on the same items and seeds, judged like every other one (`inference.estimate`). So numerator and
denominator may depend on each other as they like, and where the teacher itself is not shown to differ from the bare
model there is no bounded interval, which is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.stats import effects, families, inference
from leaven.stats.table import Column, Cube

_REACH = 16.0  # shares are looked for within +-this; beyond it an end is as good as open
_STEPS = 640
_HALVINGS = 40


@dataclass(frozen=True)
class Asked:
    """Whose gap is closed: ``student`` and ``teacher`` against ``bare``, in ``metric`` (may be ``suite/metric``)."""

    student: str
    teacher: str
    bare: str
    metric: str


@dataclass(frozen=True)
class Gap:
    """The share that is closed, None where the teacher is no better than the bare model at all: there is no gap.

    ``low`` and ``high`` bound the 95 % interval; None where it has no end on that side. ``gap`` is teacher minus bare,
    ``step`` student minus bare. ``note`` says why there is no share, or no interval, if there is none.
    """

    asked: Asked
    column: Column
    closed: float | None
    low: float | None
    high: float | None
    gap: float | None
    step: float | None
    n_items: int = 0
    n_seeds: int = 0
    note: str | None = None


def gaps(
    wanted: Sequence[Asked], cubes: Mapping[Column, Cube], better: Mapping[str, str | None] | None = None
) -> list[Gap]:
    """Return each gap that is asked for, in every suite that measures its metric over all items.

    ``better`` says of a metric, or ``suite/metric``, which way is better: higher, lower, or None where nobody said. Of
    such a one any difference between teacher and bare model is a gap.
    """
    return [
        _gap(one, cube, families.named(better or {}, column.suite, column.metric))
        for one in wanted
        for column, cube in cubes.items()
        if column.group is None and one.metric in families.names_of(column.suite, column.metric)
    ]


def _gap(asked: Asked, cube: Cube, better: str | None) -> Gap:
    lacking = effects.lacking(cube, [asked.student, asked.teacher, asked.bare])
    there = {arm.name for arm in cube.arms}
    absent = [name for name in (asked.student, asked.teacher, asked.bare) if name not in there or name in lacking]
    if absent:
        return Gap(asked, cube.column, None, None, None, None, None, note=f"nothing measured of {', '.join(absent)}")
    three = effects.contrast(cube, {asked.student: 1.0, asked.teacher: 0.0, asked.bare: -1.0})
    whole = three.reweighted((0.0, 1.0, -1.0))
    step, gap, way = three.effect, whole.effect, {"higher": 1, "lower": -1}.get(better or "", 0)
    if step is None or not gap or gap * way < 0:
        why = "no item was scored in all three" if step is None else _none(whole)
        return Gap(asked, cube.column, None, None, None, gap, step, three.n_items, three.n_seeds, why)
    low, high, note = _fieller(three, step / gap, "be better than" if way else "differ from")
    return Gap(asked, cube.column, step / gap, low, high, gap, step, three.n_items, three.n_seeds, note)


def _none(whole: effects.Contrast) -> str:
    """Say why there is no gap to close: the teacher is as the bare model, or worse."""
    if not whole.effect:
        return "the teacher is as the bare model: no gap to close"
    wide = inference.estimate(whole).interval()
    is_shown = wide is not None and not wide[0] <= 0 <= wide[1]
    said = "shown to be worse than the bare model" if is_shown else "worse than the bare model, though not shown to be"
    return f"the teacher is {said}: no gap to close"


def _fieller(three: effects.Contrast, closed: float, shown: str) -> tuple[float | None, float | None, str | None]:
    """Return the ends of the interval around the share, None where it has none; ``shown``: what a teacher should be."""
    known = inference.estimate(three)
    if known.variance is None:
        return None, None, known.notes[0] if known.notes else "no interval"
    wide = inference.estimate(three.reweighted((0.0, 1.0, -1.0))).interval()
    if wide is None or wide[0] <= 0 <= wide[1]:
        return None, None, f"the teacher is not shown to {shown} the bare model, so the share has no bounds"
    low, high = _end(three, closed, -1), _end(three, closed, 1)
    return low, high, None if None not in (low, high) else "the interval has no end on one side"


def _end(three: effects.Contrast, closed: float, way: int) -> float | None:
    """Return where the interval ends in one direction from the share, None within ``_REACH``."""
    inside, step = closed, 2 * _REACH / _STEPS
    for place in range(1, _STEPS + 1):
        outside = closed + way * place * step
        if not _holds(three, outside):
            return _edge(three, inside, outside)
        inside = outside
    return None


def _edge(three: effects.Contrast, inside: float, outside: float) -> float:
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if _holds(three, middle) else (inside, middle)
    return inside


def _holds(three: effects.Contrast, share: float) -> bool:
    """Say whether a share cannot be told from the one that is true: the contrast's interval holds 0."""
    between = inference.estimate(three.reweighted((1.0, -share, share - 1.0))).interval()
    return between is None or between[0] <= 0 <= between[1]
