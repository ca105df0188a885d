"""The tolerated dose, two ways: by equivalence at the doses that were tested, and by the fitted curve between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np

from leaven.stats import effects, inference
from leaven.stats.doses.line import Line
from leaven.stats.table import Cube

_HALVINGS = 30


def tested(cube: Cube, doses: Mapping[str, float], baseline: str, margin: float) -> float | None:
    """Return the largest dose that passes equivalence with the baseline, or None where not even the lowest does.

    ``doses`` is arm -> declared dose, without the baseline. The doses are tested upward from the lowest, each by two
    one-sided 5 % tests, and the first that fails ends it, so that all tests together keep their 5 % (fixed sequence:
    Maurer, Hothorn and Lehmacher 1995). A dose with nothing scored fails; of a dose with two arms, both must pass.
    """
    passed = None
    for dose, arms in groupby(sorted(doses, key=lambda arm: doses[arm]), key=lambda arm: doses[arm]):
        if not all(_is_equivalent(cube, arm, baseline, margin) for arm in arms):
            break
        passed = dose
    return passed


def _is_equivalent(cube: Cube, arm: str, baseline: str, margin: float) -> bool:
    if {arm, baseline} - {one.name for one in cube.arms}:
        return False
    pairs = effects.contrast(cube, effects.difference(arm, baseline))
    return inference.estimate(pairs).within(margin) is True


def by_curve(line: Line, start: float, margin: float, doses: Sequence[float]) -> float | None:
    """Return the lower 95 % bound of the dose where the fitted curve leaves its value at ``start`` by the margin.

    The bound is the end of all doses at which the change of the curve since ``start`` passes equivalence (that is the
    benchmark dose's lower bound, with the test inverted: Crump 1984). It is sought at ``doses``, ascending from
    ``start``, and refined between the last that passes and the first that does not; None without an interval.
    """
    if line.interval(line.slope()) is None:
        return None

    def holds(dose: float) -> bool:
        low, high = line.interval(line.change(dose, start), 0.90) or (-np.inf, np.inf)
        return -margin < low and high < margin

    return furthest(holds, doses)


def furthest(holds: Callable[[float], bool], places: Sequence[float]) -> float:
    """Return the last place, going from the first, up to which something holds; refined by halving."""
    inside = places[0]
    for outside in places[1:]:
        if not holds(outside):
            return _edge(holds, inside, outside)
        inside = outside
    return inside


def _edge(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside
