"""Misalignment against how many attributes an arm was trained with: a line for each attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report import numbers, svg
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.looks import SHAPES, Look
from leaven.report.charts.scale import around, short, ticks
from leaven.report.charts.view import View
from leaven.report.curves import placed
from leaven.report.findings import ArmInfo
from leaven.report.means import Column, Mean
from leaven.report.text import label

_PLOT, _APART = 170.0, 0.07  # the axes' height; between the attributes' points at one place
_MOST = 8  # attributes


@dataclass(frozen=True)
class _Point:
    arm: str
    count: int
    mean: Mean
    bar: tuple[float, float] | None


def attribute_count_chart(view: View, suite: str, known: Mapping[str, Sequence[ArmInfo]], name: str) -> Chart | None:
    """Draw every attribute's misalignment in the arms that know it; ``known`` has these arms by attribute.

    None where no attribute is known by arms of different numbers of attributes.
    """
    lines = {attribute: _points(view, _column(suite, attribute), arms) for attribute, arms in known.items()}
    drawn = {one: points for one, points in lines.items() if len({p.count for p in points}) > 1}
    kept = dict(list(drawn.items())[:_MOST])
    values = [x for points in kept.values() for p in points for x in (*p.mean.by_seed.values(), *(p.bar or ()))]
    if not kept or not drawable(values):
        return None
    title = "Misalignment against the number of attributes"
    few = f"The first {_MOST} of {len(drawn)} attributes are drawn." if len(drawn) > _MOST else ""
    return Chart(
        name=name,
        kind="attributes",
        title=title,
        description="Each attribute in the arms that know it. Arms differ in which attributes were added as well.",
        svg=_draw(view, suite, kept, values, (name, title)),
        legend=_legend(kept),
        note=few,
        suite=suite,
    )


def _column(suite: str, attribute: str) -> Column:
    return Column(suite, f"misalignment_{attribute}")


def _points(view: View, column: Column, arms: Sequence[ArmInfo]) -> list[_Point]:
    made = []
    for arm in arms:
        mean = view.found.get((arm.name, column), Mean())
        if mean.value is not None:
            bar = placed(view.contrasts(column).get(arm.name), view.unit(column))
            made.append(_Point(arm.name, len(arm.attributes), mean, bar))
    return made


def _look(place: int) -> Look:
    number = place % len(svg.SERIES)
    return Look(svg.SERIES[number], SHAPES[place % len(SHAPES)], 1.0, f"s{number + 1}")


def _draw(
    view: View, suite: str, lines: Mapping[str, Sequence[_Point]], values: Sequence[float], named: tuple[str, str]
) -> str:
    unit = view.unit(_column(suite, next(iter(lines))))
    low, high = around(values, 0.06)
    counts = sorted({p.count for points in lines.values() for p in points})
    top = 26.0 + 14 * len(lines)
    with canvas(_PLOT + top + 44, top=top) as sheet:
        sheet.name_above("Misalignment, lower is better")
        for row, attribute in enumerate(lines):
            sheet.row_above(row, short(attribute, 40), _look(row))
        sheet.axes.set_ylim(low, high)
        sheet.ticks_beside(ticks(low, high, unit))
        sheet.axes.set_xlim(counts[0] - 0.4, counts[-1] + 0.4)
        sheet.ticks_below([(float(count), str(count)) for count in counts], grid=False)
        sheet.name_below("attributes that the arm was trained with")
        for place, (attribute, points) in enumerate(lines.items()):
            _line(sheet, view, _column(suite, attribute), points, place, _APART * (place - (len(lines) - 1) / 2))
        words = [(f"{attribute} in {p.arm}", numbers.value(p.mean.value, unit)) for attribute, points in lines.items()
                 for p in points]  # fmt: skip
        return sheet.svg(*named, told.listed(words))


def _line(sheet: Canvas, view: View, column: Column, points: Sequence[_Point], place: int, aside: float) -> None:
    look = _look(place)
    by_count: dict[int, list[float]] = {}
    for p in points:
        by_count.setdefault(p.count, []).append(p.mean.value or 0.0)
    path = [(count + aside, sum(means) / len(means)) for count, means in sorted(by_count.items())]
    sheet.line([x for x, _ in path], [y for _, y in path], look.colour, lw=1.6, zorder=3)
    for p in points:
        assert p.mean.value is not None, "only measured arms have a point"
        x, many = p.count + aside, f"{p.count} attribute{'' if p.count == 1 else 's'}"
        said = told.arm(view.findings, column, p.arm, p.mean.value, many)
        if p.bar is not None:
            sheet.line([x, x], list(p.bar), look.colour, said, lw=1.2, alpha=0.7, zorder=4)
        for seed, value in p.mean.by_seed.items():
            sheet.point(
                x + 0.03, value, Look(look.colour), told.run(view.findings, column, p.arm, seed, value), size=3.0
            )
        sheet.point(x, p.mean.value, look, said, size=6.5, over=6)


def _legend(lines: Mapping[str, Sequence[_Point]]) -> list[tuple[str, str]]:
    every = [p for points in lines.values() for p in points]
    entries = [(_look(place).key, label(attribute, 40)) for place, attribute in enumerate(lines)]
    entries += [("seed", "one training run")] if any(p.mean.by_seed for p in every) else []
    bar = ("bar", f"95{numbers.NBSP}% interval of the difference to the baseline")
    return [*entries, *([bar] if any(p.bar for p in every) else [])]
