"""A scorer's values over a corpus: how many texts have which, with the thresholds between the classes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from leaven.report import numbers, svg
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.scale import SMALL, short, ticks, width
from leaven.report.findings import LabelInfo
from leaven.report.text import label

_PLOT = 130.0
_STEEP = 100.0  # from which on the tallest bar is so many times the smallest that the axis is logarithmic
_LEAST = 0.5  # where a logarithmic axis begins: below one text


def histogram_chart(one: LabelInfo, name: str) -> Chart | None:
    """Draw one scorer's values; None where nobody counted them."""
    bins = list(zip(itertools.pairwise(one.edges), one.counts, strict=False))
    there = [count for _, count in bins if count > 0]
    if not there or not drawable(list(one.edges)) or not one.edges[0] < one.edges[-1]:
        return None
    is_log = max(there) > _STEEP * min(there)
    title = f"{label(one.attribute, 40)}: scores of {label(one.data, 30)}"
    said = f"By {label(one.scorer, 80)}, {numbers.count(one.rows)} texts."
    return Chart(
        name=name,
        kind="histogram",
        title=title,
        description=said + (" The upright axis is logarithmic." if is_log else ""),
        svg=_draw(one, bins, (name, title, said), is_log=is_log),
        legend=[("mark", "threshold between classes")] if _inside(one) else [],
        note=_note(one),
    )


def _inside(one: LabelInfo) -> list[float]:
    return [x for x in one.thresholds if one.edges[0] < x < one.edges[-1]]


def _note(one: LabelInfo) -> str:
    out = [numbers.dose(x) for x in one.thresholds if x not in _inside(one)]
    parts = ["The first and the last bar also hold what lies beyond them."]
    parts += [f"Not in the picture: threshold {', '.join(out)}."] if out else []
    parts += [f"{numbers.count(one.unscored)} texts could not be scored."] if one.unscored else []
    return " ".join(parts)


def _draw(
    one: LabelInfo, bins: Sequence[tuple[tuple[float, float], int]], named: tuple[str, str, str], *, is_log: bool
) -> str:
    low, high, tallest = one.edges[0], one.edges[-1], max(count for _, count in bins)
    with canvas(_PLOT + 100, top=56) as sheet:
        sheet.name_above("texts")
        if is_log:
            _logarithmic(sheet, tallest)
        else:
            sheet.axes.set_ylim(0, 1.04 * tallest)
            sheet.ticks_beside(ticks(0, 1.04 * tallest, "score"))
        sheet.axes.set_xlim(low, high)
        sheet.ticks_below(ticks(low, high, "score", sheet.wide), grid=False)
        sheet.name_below("score")
        for (left, right), count in bins:
            _bar(sheet, left, right, count, _LEAST if is_log else 0.0)
        for threshold in _inside(one):
            sheet.axes.axvline(threshold, color=svg.INK, lw=1.4, zorder=6)
        _classes(sheet, one)
        return sheet.svg(*named)


def _logarithmic(sheet: Canvas, tallest: int) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    most = math.ceil(math.log10(max(tallest, 10)))
    sheet.axes.set_yscale("log")
    sheet.axes.set_ylim(_LEAST, 1.3 * tallest)
    step = 1 if most <= 4 else 2
    sheet.ticks_beside([(10.0**power, numbers.count(10**power)) for power in range(0, most + 1, step)
                        if 10**power <= 1.3 * tallest])  # fmt: skip
    sheet.axes.yaxis.set_minor_locator(NullLocator())
    sheet.axes.yaxis.set_minor_formatter(NullFormatter())


def _bar(sheet: Canvas, left: float, right: float, count: int, foot: float) -> None:
    from matplotlib.patches import Rectangle

    if count <= 0:
        return
    gap = 0.04 * (right - left)
    made = Rectangle((left + gap, foot), right - left - 2 * gap, count - foot, lw=0, facecolor=svg.SERIES[0], zorder=2)
    sheet.axes.add_patch(made)
    sheet.mark(made, f"{_number(left)} to {_number(right)}\n{numbers.count(count)} texts")


def _number(x: float) -> str:
    return f"{x:.3g}".replace("-", "−")


def _classes(sheet: Canvas, one: LabelInfo) -> None:
    """Write each class's token above its range; names that would touch stand on lines of their own."""
    if len(one.tokens) != len(one.thresholds) + 1:
        return
    ends = [one.edges[0], *one.thresholds, one.edges[-1]]
    scale = sheet.wide / (one.edges[-1] - one.edges[0])
    free = [-math.inf, -math.inf]
    for token, (begins, stops) in zip(one.tokens, itertools.pairwise(ends), strict=True):
        left, right = max(begins, one.edges[0]), min(stops, one.edges[-1])
        if left >= right:
            continue
        text = short(token or "neutral", 22)
        half = width(text, SMALL) / 2
        middle = min(max((left + right) / 2 - one.edges[0], half / scale), sheet.wide / scale - half / scale)
        at = middle * scale
        line = 0 if at - half > free[0] else 1
        free[line] = at + half + 6
        x = one.edges[0] + middle
        sheet.axes.annotate(
            text, (x, 1), (0, 7 + 13 * line), xycoords=sheet.axes.get_xaxis_transform(), textcoords="offset points",
            ha="center", va="center", fontsize=SMALL, color=svg.INK, annotation_clip=False,
        )  # fmt: skip
