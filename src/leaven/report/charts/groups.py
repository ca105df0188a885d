"""Dumbbells: from the baseline's mean to the arm's, group by group; a panel for each arm, or rows where a dose is told.

A group is filled or coloured only where the test of arm x group heterogeneity says that groups differ at all, and where
its own change was shown too: of many groups some look odd by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leaven.comparison import Comparison
from leaven.report import numbers, svg
from leaven.report.certainty import groups_tested, is_named
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas
from leaven.report.charts.chart import NOT_DRAWN, Chart, drawable
from leaven.report.charts.dumbbell import Dumbbell, bar, dumbbells, reach, tip
from leaven.report.charts.looks import BASELINE
from leaven.report.charts.panels import panels
from leaven.report.charts.rows import beside, rows
from leaven.report.charts.scale import SMALL, ticks, width
from leaven.report.charts.view import View
from leaven.report.means import Column, columns
from leaven.report.text import label
from leaven.stats.groups.heterogeneity import Heterogeneity

MOST_ARMS, MOST_ROWS = 6, 48  # of one picture with a row for each arm in each group
MOST_PANELS, MOST_IN_PANEL = 8, 16  # arms and groups, where each arm has a panel


def grouped(view: View) -> list[Column]:
    """Return the metrics that were compared within at least two groups, primary ones first."""
    groups: dict[tuple[str, str], set[str]] = {}
    for c in view.findings.comparisons:
        if c.kind == "difference" and c.group is not None:
            groups.setdefault((c.suite, c.metric), set()).add(c.group)
    return [column for column in columns(view.findings, view.found) if len(groups.get(column[:2], ())) > 1]


def groups_chart(view: View, column: Column, name: str) -> Chart:
    """Draw the arms' means against the baseline's in every group of one metric."""
    every = dumbbells(view, column)
    apart = _in_panels(view, every)
    listed = _most(every, MOST_PANELS, lambda n: MOST_IN_PANEL) if apart else _most(every, MOST_ARMS, _groups_in_rows)
    said = differ(groups_tested(view.findings, column.suite, column.metric))
    title = f"{told.metric(view.findings, column)} by group{_alone(listed)}"
    drawn = drawable([x for one in listed for x in (one.mean, one.baseline)])
    return Chart(
        name=name,
        kind="groups",
        title=title,
        description=told.joined(told.about(view.findings, column), said),
        svg=(panels if apart else _draw)(view, column, listed, (name, title, said)) if drawn else "",
        legend=_legend(view, listed, apart=apart) if drawn else [],
        note=_note(every, listed) if drawn else NOT_DRAWN,
        metric=column.metric,
        suite=column.suite,
    )


def _alone(listed: Sequence[Dumbbell]) -> str:
    """Name the only arm, whose rows are groups; several arms are named row by row."""
    arms = {one.arm for one in listed}
    return f": {label(arms.pop(), 60)}" if len(arms) == 1 else ""


def differ(tested: Heterogeneity | None) -> str:
    """Say whether groups differ; only then is one named."""
    if tested is None or tested.p is None:
        why = f" ({label(tested.note, 200)})" if tested is not None and tested.note else ""
        return f"Whether groups differ was not tested{why}, so no single group is marked."
    p = numbers.p_phrase(tested.p)
    if not tested.is_shown:
        return f"That an effect differs between groups was not shown ({p}), so no single group is marked."
    most = f", most in {label(tested.largest_group, 60)}" if tested.largest_group else ""
    under = f" under {label(tested.largest_arm, 60)}" if tested.largest_group and tested.largest_arm else ""
    return f"Effects differ between groups{most}{under} ({p})."


def _in_panels(view: View, every: Sequence[Dumbbell]) -> bool:
    """Say whether each arm has a panel of its own: not where there is one, nor where the fill tells its dose."""
    arms = {one.arm for one in every}
    return len(arms) > 1 and all(view.looks[arm].fill in (0.0, 1.0) for arm in arms)


def _most(every: Sequence[Dumbbell], most_arms: int, most_groups: Callable[[int], int]) -> list[Dumbbell]:
    """Return the arms that differ most over all groups, and as many whole groups as fit beside so many arms."""
    far: dict[str, float] = {}
    for one in every:
        far[one.arm] = far.get(one.arm, 0.0) + abs(one.mean - one.baseline)
    kept = set(sorted(far, key=lambda arm: -far[arm])[:most_arms])
    groups = list(dict.fromkeys(one.group for one in every))[: most_groups(len(kept))]
    return [one for one in every if one.arm in kept and one.group in groups]


def _groups_in_rows(n_arms: int) -> int:
    return MOST_ROWS // max(1, n_arms + (n_arms > 1))


def _lines(listed: Sequence[Dumbbell]) -> list[Dumbbell | str]:
    """Return the rows from the top: a group's name, then its arms; with one arm, each row is a group."""
    if len({one.arm for one in listed}) == 1:
        return list(listed)
    made: list[Dumbbell | str] = []
    for place, one in enumerate(listed):
        if place == 0 or listed[place - 1].group != one.group:
            made.append(one.group)
        made.append(one)
    return made


def _draw(view: View, column: Column, listed: Sequence[Dumbbell], named: tuple[str, str, str]) -> str:
    unit = view.unit(column)
    low, high = reach(view, listed, unit)
    lines = _lines(listed)
    alone = len(lines) == len(listed)
    names = [one if isinstance(one, str) else one.group if alone else one.arm for one in lines]
    right = 12 + max(width(numbers.bare_change(one.mean - one.baseline, unit), SMALL) for one in listed)
    with rows(names, told.named(view.findings, column), right=right, line=20.0 if alone else 16.0) as sheet:
        sheet.axes.set_xlim(low, high)
        sheet.ticks_below(ticks(low, high, unit, sheet.wide))
        for row, one in enumerate(lines):
            if isinstance(one, str):
                sheet.axes.get_yticklabels()[row].set_fontweight("bold")
            else:
                _dumbbell(sheet, view, row, one)
        words = [(f"{one.arm} in {one.group}", numbers.change(one.mean - one.baseline, unit)) for one in listed]
        return sheet.svg(*named[:2], told.joined(told.listed(words), named[2]))


def _dumbbell(sheet: Canvas, view: View, row: int, one: Dumbbell) -> None:
    look, marked = view.looks[one.arm], is_named(view.findings, one.comparison)
    unit = view.unit(Column(one.comparison.suite, one.comparison.metric))
    said = tip(view, one)
    if (between := bar(one, unit, sheet.axes.get_xlim())) is not None:
        sheet.line(between, [-row] * 2, look.colour, said, lw=1.0, alpha=0.6, zorder=5)
    colour, thick = (look.colour, 2.6) if marked else (svg.FAINT, 1.6)
    sheet.line([one.baseline, one.mean], [-row] * 2, colour, said, lw=thick, zorder=5)
    sheet.point(one.baseline, -row, BASELINE, said, size=5.5)
    sheet.point(one.mean, -row, look, said, size=7.0)
    change = numbers.bare_change(one.mean - one.baseline, unit)
    beside(sheet, row, change, bold=marked, colour=svg.INK if marked else svg.OTHER)


def _legend(view: View, listed: Sequence[Dumbbell], *, apart: bool) -> list[tuple[str, str]]:
    baselines = {one.comparison.baseline for one in listed}
    whose = label(baselines.pop(), 40) if len(baselines) == 1 else "of each sweep"
    entries = [("square", f"baseline {whose}")]
    if any(bar(one, "score") is not None for one in listed):
        entries.append(("front", f"95{numbers.NBSP}% interval of the difference"))
    how = "filled and coloured" if apart else "bold and coloured"
    if any(is_named(view.findings, one.comparison) for one in listed):
        return [*entries, ("shown", f"{how}: a change was shown in this group")]
    return [*entries, ("shown", _hollow(view, listed[0].comparison))] if apart else entries


def _hollow(view: View, c: Comparison) -> str:
    """Say why no group is marked: nothing was tested, groups do not differ, or none changed."""
    tested = groups_tested(view.findings, c.suite, c.metric)
    if tested is None or tested.p is None:
        return "hollow: not tested, so no group is marked"
    if not tested.is_shown:
        return "hollow: groups were not shown to differ, so none is marked"
    return "hollow: no change was shown in this group"


def _note(every: Sequence[Dumbbell], listed: Sequence[Dumbbell]) -> str:
    n_groups, n_arms = len({one.group for one in listed}), len({one.arm for one in listed})
    whole_groups, whole_arms = len({one.group for one in every}), len({one.arm for one in every})
    parts = []
    if n_arms < whole_arms:
        parts.append(f"the {n_arms} arms of {whole_arms} that differ most")
    if n_groups < whole_groups:
        parts.append(f"{n_groups} of {whole_groups} groups")
    return f"Drawn are {' and '.join(parts)}; the table has them all." if parts else ""
