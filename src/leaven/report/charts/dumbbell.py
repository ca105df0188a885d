"""One arm in one group: where the baseline is, where the arm is, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import is_named, is_shown
from leaven.report.charts import told
from leaven.report.charts.scale import around
from leaven.report.charts.view import View
from leaven.report.curves import placed
from leaven.report.means import Column
from leaven.report.text import label

_BEYOND = 0.5  # of the means' spread: as far as an interval is drawn beyond them


@dataclass(frozen=True)
class Dumbbell:
    """One arm in one group: both means and their comparison."""

    group: str
    arm: str
    mean: float
    baseline: float
    comparison: Comparison


def dumbbells(view: View, column: Column) -> list[Dumbbell]:
    """Return every group's arms, in the order of groups by name and of arms."""
    order = {arm: place for place, arm in enumerate(view.looks)}
    names = sorted(
        {c.group for c in view.findings.comparisons if (c.suite, c.metric) == column[:2] and c.group is not None}
    )
    made = []
    for group in names:
        here = view.contrasts(Column(column.suite, column.metric, group)).values()
        for c in sorted(here, key=lambda c: order[c.arm]):
            if numbers.is_number(c.mean) and numbers.is_number(c.baseline_mean):
                made.append(Dumbbell(group, c.arm, c.mean, c.baseline_mean, c))
    return made


def reach(view: View, listed: Sequence[Dumbbell], unit: str) -> tuple[float, float]:
    """Return the axis's range: every mean, and every interval that does not press the means flat."""
    means = [x for one in listed for x in (one.mean, one.baseline)]
    more = _BEYOND * (max(means) - min(means))
    ends = [end for one in listed for end in placed(one.comparison, unit) or ()]
    return around([*means, *(min(max(end, min(means) - more), max(means) + more) for end in ends)], 0.05)


def bar(one: Dumbbell, unit: str, within: tuple[float, float] | None = None) -> tuple[float, float] | None:
    """Return the difference's 95 % interval, placed around the baseline's mean and cut to the axis."""
    both = placed(one.comparison, unit)
    if both is None or within is None:
        return both
    return max(both[0], within[0]), min(both[1], within[1])


def tip(view: View, one: Dumbbell) -> str:
    """Tell of one arm in one group; what was shown in a group is said only where groups may be named at all."""
    c = one.comparison
    unit = view.unit(Column(c.suite, c.metric))
    both = f"{numbers.value(one.mean, unit)} against {numbers.value(one.baseline, unit)}"
    compared = told.compared(view.findings, c) if numbers.is_number(c.effect) else []
    compared = compared[:-1] if is_shown(c) and not is_named(view.findings, c) else compared
    return "\n".join([label(one.arm, 80), f"in {label(one.group, 60)}: {both}", *compared])
