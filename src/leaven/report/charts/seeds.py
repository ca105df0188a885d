"""How far the runs of an arm are apart: each training run's mean as a dot, the arm's mean as a line."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import numbers, svg
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas
from leaven.report.charts.chart import NOT_DRAWN, Chart, drawable
from leaven.report.charts.rows import MOST, rows
from leaven.report.charts.scale import around, ticks
from leaven.report.charts.view import View
from leaven.report.means import Column, Mean, arms
from leaven.report.text import label


def seeds_chart(view: View, column: Column, name: str) -> Chart:
    """Draw every run's mean of one metric on its arm's line."""
    measured = [(arm.name, view.found.get((arm.name, column), Mean())) for arm in arms(view.findings, view.found)]
    whole = [(arm, mean) for arm, mean in measured if mean.value is not None]
    listed = whole[:MOST]
    drawn = drawable([x for _, mean in listed for x in mean.by_seed.values()])
    title = f"{told.metric(view.findings, column)}: each training run"
    return Chart(
        name=name,
        kind="seeds",
        title=title,
        description=told.joined(told.about(view.findings, column), _spread(view, column, whole)),
        svg=_draw(view, column, listed, (name, title)) if drawn else "",
        legend=[("seed", "mean of one training run"), ("tick", "mean of the arm")] if drawn else [],
        note=_note(listed, whole, measured) if drawn else NOT_DRAWN,
        metric=column.metric,
        suite=column.suite,
    )


def _draw(view: View, column: Column, listed: Sequence[tuple[str, Mean]], named: tuple[str, str]) -> str:
    unit = view.unit(column)
    low, high = around([x for _, mean in listed for x in mean.by_seed.values()], 0.06)
    with rows([arm for arm, _ in listed], told.named(view.findings, column)) as sheet:
        sheet.axes.set_xlim(low, high)
        sheet.ticks_below(ticks(low, high, unit, sheet.wide))
        for row, (arm, mean) in enumerate(listed):
            _runs(sheet, view, column, row, (arm, mean))
        words = [(arm, numbers.value(mean.value, unit)) for arm, mean in listed]
        return sheet.svg(*named, told.joined(told.listed(words), _spread(view, column, listed)))


def _runs(sheet: Canvas, view: View, column: Column, row: int, one: tuple[str, Mean]) -> None:
    arm, mean = one
    assert mean.value is not None, "only measured arms have a row"
    look, values = view.looks[arm], list(mean.by_seed.values())
    sheet.line([min(values), max(values)], [-row] * 2, look.colour, lw=1, alpha=0.5)
    n = sum(seed is not None for seed in mean.by_seed)
    many = f"{n} training run{'' if n == 1 else 's'}" if n else "not trained"
    tip = told.arm(view.findings, column, arm, mean.value, many)
    sheet.line([mean.value] * 2, [-row - 0.34, -row + 0.34], svg.INK, tip, lw=1.6, zorder=4)
    for place, (seed, value) in enumerate(mean.by_seed.items()):
        up = 0.13 * (place % 3 - 1) if len(values) > 1 else 0.0  # equal runs must not hide each other
        sheet.point(value, up - row, look, told.run(view.findings, column, arm, seed, value), size=5.5)


def _spread(view: View, column: Column, listed: Sequence[tuple[str, Mean]]) -> str:
    """Say in a sentence where the runs of one arm are farthest apart."""
    unit = view.unit(column)
    far = [(max(m.by_seed.values()) - min(m.by_seed.values()), arm) for arm, m in listed if len(m.by_seed) > 1]
    if not far:
        return "No arm has more than one run, so nothing is seen of how far runs are apart."
    wide, arm = max(far)
    return f"The runs of one arm are at most {numbers.size(wide, unit)} apart, in {label(arm, 60)}."


def _note(listed: Sequence[object], whole: Sequence[object], measured: Sequence[object]) -> str:
    parts = []
    if len(listed) < len(whole):
        parts.append(f"The first {len(listed)} of {len(whole)} arms are drawn; the table has them all.")
    if len(whole) < len(measured):
        parts.append(f"{len(measured) - len(whole)} of {len(measured)} arms were not measured.")
    return " ".join(parts)
