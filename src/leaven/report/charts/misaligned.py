"""How often each arm contradicts the tokens of one attribute: its mean, its runs, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leaven.report import numbers, svg
from leaven.report.certainty import is_shown
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.rows import MOST, beside, rows
from leaven.report.charts.scale import SMALL, around, ticks, width
from leaven.report.charts.view import View
from leaven.report.curves import placed
from leaven.report.means import Column, Mean, arms, is_baseline
from leaven.report.text import label

_BY_LABELLER = "_by_labeller"


@dataclass(frozen=True)
class _Row:
    arm: str
    mean: Mean
    labeller: float | None
    bar: tuple[float, float] | None
    is_marked: bool
    is_baseline: bool


def misaligned_chart(view: View, suite: str, attribute: str, name: str) -> Chart | None:
    """Draw the arms' misalignment in one attribute; None where no arm was measured."""
    column = Column(suite, f"misalignment_{attribute}")
    every = _rows(view, column)
    listed = every[:MOST]
    if not listed or not drawable(_values(listed)):
        return None
    title = f"Misalignment: {label(attribute, 40)}"
    return Chart(
        name=name,
        kind="misalignment",
        title=title,
        description=told.about(view.findings, column),
        svg=_draw(view, column, listed, (name, title)),
        legend=_legend(view, column, listed),
        note=f"The first {MOST} of {len(every)} arms are drawn." if len(every) > MOST else "",
        metric=column.metric,
        suite=suite,
    )


def _rows(view: View, column: Column) -> list[_Row]:
    unit, by_labeller = view.unit(column), Column(column.suite, column.metric + _BY_LABELLER)
    made = []
    for arm in arms(view.findings, view.found):
        mean, c = view.found.get((arm.name, column), Mean()), view.contrasts(column).get(arm.name)
        if mean.value is None:
            continue
        other = view.found.get((arm.name, by_labeller), Mean()).value
        marked = c is not None and is_shown(c)
        made.append(_Row(arm.name, mean, other, placed(c, unit), marked, is_baseline(view.findings, arm)))
    return made


def _values(listed: Sequence[_Row]) -> list[float]:
    every = (x for row in listed for x in (*row.mean.by_seed.values(), row.labeller, *(row.bar or ())))
    return [x for x in every if x is not None]


def _draw(view: View, column: Column, listed: Sequence[_Row], named: tuple[str, str]) -> str:
    unit = view.unit(column)
    said = [numbers.value(row.mean.value, unit) for row in listed]
    low, high = around(_values(listed), 0.06)
    aside = 13 if any(row.is_marked for row in listed) else 0
    right = 12 + aside + max(width(text, SMALL) for text in said)
    with rows([row.arm for row in listed], told.named(view.findings, column), right=right) as sheet:
        sheet.axes.set_xlim(low, high)
        sheet.ticks_below(ticks(low, high, unit, sheet.wide))
        for row in listed:
            if row.is_baseline and row.mean.value is not None and not view.findings.has_baselines:
                sheet.axes.axvline(row.mean.value, color=svg.OTHER, lw=1, ls=(0, (4, 3)), zorder=1)
        for place, (row, text) in enumerate(zip(listed, said, strict=True)):
            _arm(sheet, view, column, place, row)
            beside(sheet, place, text, bold=row.is_marked, aside=aside)
            beside(sheet, place, _mark(view, column, row))
        return sheet.svg(*named, told.listed([(row.arm, text) for row, text in zip(listed, said, strict=True)]))


def _mark(view: View, column: Column, row: _Row) -> str:
    if not row.is_marked:
        return ""
    return "●" if view.contrasts(column)[row.arm].family == "primary" else "○"


def _arm(sheet: Canvas, view: View, column: Column, place: int, row: _Row) -> None:
    assert row.mean.value is not None, "only measured arms have a row"
    look, c = view.looks[row.arm], view.contrasts(column).get(row.arm)
    compared = [] if c is None or not numbers.is_number(c.effect) else told.compared(view.findings, c)
    said = told.arm(view.findings, column, row.arm, row.mean.value, *compared)
    if row.bar is not None:
        sheet.line(list(row.bar), [-place] * 2, look.colour, said, lw=1.4, zorder=4)
    for seed, value in row.mean.by_seed.items():
        if len(row.mean.by_seed) > 1:
            tip = told.run(view.findings, column, row.arm, seed, value)
            sheet.point(value, -place - 0.3, replace(look, shape="o", fill=1.0), tip, size=3.0, over=4)
    sheet.point(row.mean.value, -place, look, said)
    if row.labeller is not None:
        by = f"by the scorer that labelled: {numbers.value(row.labeller, view.unit(column))}"
        hollow = replace(look, shape="d", fill=0.0)
        sheet.point(row.labeller, -place + 0.28, hollow, f"{label(row.arm, 80)}\n{by}", size=4.5, over=4)


def _legend(view: View, column: Column, listed: Sequence[_Row]) -> list[tuple[str, str]]:
    entries = [("square", "baseline; dashed: its mean")] if any(row.is_baseline for row in listed) else []
    if any(row.bar for row in listed):
        entries.append(("bar", f"95{numbers.NBSP}% interval of the difference to the baseline"))
    entries += [("seed", "one training run")] if any(len(row.mean.by_seed) > 1 for row in listed) else []
    entries += [("diamond", "by the scorer that labelled")] if any(row.labeller is not None for row in listed) else []
    marks = {_mark(view, column, row) for row in listed}
    entries += [("shown", "● change shown, primary")] if "●" in marks else []
    return entries + ([("shown", "○ change shown, exploratory")] if "○" in marks else [])
