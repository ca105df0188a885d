"""All arms' differences in one metric: 95 % intervals, the inner 90 % thicker, marks only where a change was shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from leaven.comparison import Comparison
from leaven.report import numbers, svg
from leaven.report.certainty import is_shown, possible, unit_of
from leaven.report.certainty import listed as listed_names
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.rows import MOST, beside, rows, zero
from leaven.report.charts.scale import SMALL, around, ticks, width
from leaven.report.charts.view import View
from leaven.report.curves import bounds
from leaven.report.means import Column
from leaven.report.text import label
from leaven.stats.families import margin_of

_FAR = 4.0  # an interval that reaches beyond this many times the usual one is cut, else all others are dots


def forest_chart(view: View, column: Column, name: str) -> Chart:
    """Draw every arm's difference to its baseline on a line of its own."""
    findings = view.findings
    every = _ordered(view, column)
    listed = _most(every)
    title = f"{told.metric(findings, column)}: difference to {_baseline(every)}"
    drawn = any(c.effect is not None for c in listed) and drawable(
        [x for c in listed for x in (c.effect, c.low, c.high, c.low90, c.high90)]
    )
    return Chart(
        name=name,
        kind="forest",
        title=title,
        description=told.joined(told.about(findings, column), _shown(every)),
        svg=_draw(view, column, listed, (name, title)) if drawn else "",
        legend=_legend(view, column, listed) if drawn else [],
        note=_note(every, listed, drawn),
        metric=column.metric,
        suite=column.suite,
    )


def _ordered(view: View, column: Column) -> list[Comparison]:
    """Return the comparisons in the order of the arms; those of arms that nobody declared come last."""
    order = {arm: place for place, arm in enumerate(view.looks)}
    return sorted(view.contrasts(column).values(), key=lambda c: order[c.arm])


def _most(every: Sequence[Comparison]) -> list[Comparison]:
    """Return those with the largest differences where there are too many to draw, in their order."""
    largest = sorted(every, key=lambda c: -abs(c.effect) if numbers.is_number(c.effect) else 0.0)[:MOST]
    kept = {c.arm for c in largest}
    return [c for c in every if c.arm in kept]


def _baseline(every: Sequence[Comparison]) -> str:
    baselines = {c.baseline for c in every}
    return label(baselines.pop(), 40) if len(baselines) == 1 else "the baseline of each sweep"


def _draw(view: View, column: Column, listed: Sequence[Comparison], named: tuple[str, str]) -> str:
    unit = view.unit(column)
    margin = margin_of(view.findings.margin, column.suite, column.metric)
    said, marks = [_beside(c, unit) for c in listed], [_mark(c) for c in listed]
    low, high = _reach(listed, margin, unit)
    aside = 13 if any(marks) else 0
    right = 12 + aside + max(width(text, SMALL) for text in said)
    with rows([c.arm for c in listed], _above(view, column, listed), right=right) as sheet:
        sheet.axes.set_xlim(low, high)
        sheet.ticks_below(ticks(low, high, unit, sheet.wide, change=True))
        zero(sheet, margin if margin is not None and margin < max(-low, high) else None)
        for row, (c, text, mark) in enumerate(zip(listed, said, marks, strict=True)):
            _difference(sheet, view, row, c)
            beside(sheet, row, text, bold=bool(mark), aside=aside)
            beside(sheet, row, mark)
        words = [(c.arm, numbers.change(c.effect, unit)) for c in listed]
        return sheet.svg(*named, told.joined(told.listed(words), _shown(listed)))


def _beside(c: Comparison, unit: str) -> str:
    return numbers.bare_change(c.effect, unit) if numbers.is_number(c.effect) else "–"


def _mark(c: Comparison) -> str:
    return ("●" if c.family == "primary" else "○") if is_shown(c) else ""


def _above(view: View, column: Column, listed: Sequence[Comparison]) -> str:
    unit = view.unit(column)
    word = "points" if unit == "share" else "" if unit == "score" else label(unit, 12)
    named = label(told.metric(view.findings, column), 24)
    way = told.direction(view.findings, column)
    whole = f"{named} minus {label(_baseline(listed), 18)}'s"
    return ", ".join(filter(None, [whole, word, way]))


def _reach(listed: Sequence[Comparison], margin: float | None, unit: str) -> tuple[float, float]:
    """Return the axis's range: every difference, and every interval that is not many times the usual one."""
    effects = [c.effect for c in listed if numbers.is_number(c.effect)]
    drawn = [both for c in listed if (both := _drawn(c.low, c.high, unit)) is not None]
    reaches = [max(map(abs, both)) for both in drawn]
    usual = max([_FAR * statistics.median(reaches) if reaches else 0.0, *(1.2 * abs(x) for x in effects)])
    values = [max(min(x, usual), -usual) for both in drawn for x in both]
    near = [margin, -margin] if margin and margin <= 2 * max(map(abs, [*values, *effects]), default=0.0) else []
    return around([0.0, *effects, *values, *near], 0.06)


def _difference(sheet: Canvas, view: View, row: int, c: Comparison) -> None:
    if not numbers.is_number(c.effect):
        sheet.text(0, -row, "not compared", color=svg.OTHER, ha="left", dx=4, halo=True)
        return
    tip = "\n".join([label(c.arm, 80), *told.compared(view.findings, c)])
    look = view.looks[c.arm]
    low, high = sheet.axes.get_xlim()
    unit = unit_of(view.findings, c)
    for both, thick in ((_drawn(c.low, c.high, unit), 1.4), (_drawn(c.low90, c.high90, unit), 4.0)):
        if both is not None:
            sheet.line([max(both[0], low), min(both[1], high)], [-row] * 2, look.colour, tip, lw=thick, zorder=5)
    if (both := _drawn(c.low, c.high, unit)) is not None:
        _arrows(sheet, row, both, look.colour)
    sheet.point(c.effect, -row, look, tip)


def _drawn(low: float | None, high: float | None, unit: str) -> tuple[float, float] | None:
    """Return an interval as far as the difference can go, or None where it lacks a bound."""
    if not (numbers.is_number(low) and numbers.is_number(high)):
        return None
    return possible(low, unit), possible(high, unit)


def _arrows(sheet: Canvas, row: int, both: tuple[float, float], colour: str) -> None:
    """Point on where an interval goes beyond the axis."""
    low, high = sheet.axes.get_xlim()
    look: dict[str, Any] = {"color": colour, "ms": 6, "mew": 0, "ls": "none", "clip_on": False, "zorder": 4}
    for place, shape, beyond in ((low, "<", both[0] < low), (high, ">", both[1] > high)):
        if beyond:
            sheet.add([place], [-row], marker=shape, **look)


def _shown(every: Sequence[Comparison]) -> str:
    """Say in a sentence where a change was shown."""
    named = [label(c.arm, 60) for c in every if is_shown(c)]
    if not every:
        return ""
    if not named:
        return "No change was shown in any arm."
    if len(named) > 4:
        return f"A change was shown in {len(named)} of {len(every)} arms."
    return f"A change was shown in {listed_names(named, 4)}."


def _legend(view: View, column: Column, listed: Sequence[Comparison]) -> list[tuple[str, str]]:
    unit = view.unit(column)
    margin = margin_of(view.findings.margin, column.suite, column.metric)
    entries = [("bar", f"95{numbers.NBSP}% interval")] if any(bounds(c) for c in listed) else []
    entries += [("thick", f"90{numbers.NBSP}% interval")] if any(c.low90 is not None for c in listed) else []
    entries += [("band", f"margin of ±{numbers.size(margin, unit)}")] if margin else []
    shown = {c.family for c in listed if is_shown(c)}
    entries += [("shown", "● change shown, primary")] if "primary" in shown else []
    return entries + ([("shown", "○ change shown, exploratory")] if shown - {"primary"} else [])


def _note(every: Sequence[Comparison], listed: Sequence[Comparison], drawn: bool) -> str:
    if not every:
        return "No arm was compared with a baseline."
    if not drawn:
        why = next((label(c.note, 200) for c in every if c.note), "no difference can be drawn as a number")
        return f"Not drawn: {why}."
    least = f"The {len(listed)} largest of {len(every)} differences are drawn; the table has them all."
    open_ = [c for c in listed if not numbers.is_number(c.effect)]
    why = "; ".join(dict.fromkeys(label(c.note, 120) for c in open_ if c.note))
    absent = f"Not compared: {listed_names([c.arm for c in open_])}{f' ({why})' if why else ''}." if open_ else ""
    return told.joined(least if len(listed) < len(every) else "", absent)
