"""Where a judge's best answers stood: a bar for each place, against the line of a judge that does not mind places."""

from __future__ import annotations

from leaven.report import numbers, svg
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.chart import Chart
from leaven.report.charts.scale import ticks
from leaven.report.judges.found import JudgeInfo
from leaven.report.judges.sure import percent, shared
from leaven.report.text import label
from leaven.stats.judged.places import Places

MOST = 6  # charts of one page
_PLOT = 120.0
_PLACES = 12  # bars; of more answers the first places are drawn


def firsts_chart(one: JudgeInfo, name: str) -> Chart | None:
    """Draw how often the best answer stood at each place; None where answers did not stand beside others."""
    places = one.found.places
    if places is None or not places.firsts:
        return None
    title = f"Where the best stood: {label(one.judge, 40)}"
    said = f"Answers to {label(one.data, 40)}, {numbers.count(places.questions)} questions in random order."
    left_out = len(places.firsts) - _PLACES
    return Chart(
        name=name,
        kind="firsts",
        title=title,
        description=said,
        svg=_draw(places, (name, title, said)),
        legend=[("dashed", "without a bias"), ("bar", f"95{numbers.NBSP}% interval")],
        note=f"{left_out} further places are not drawn." if left_out > 0 else "",
    )


def _draw(places: Places, named: tuple[str, str, str]) -> str:
    shown = list(zip(places.firsts, places.chance, strict=True))[:_PLACES]
    highest = max(
        [chance for _, chance in shown] + [x for one, _ in shown for x in (one.value, one.high) if x is not None]
    )
    with canvas(_PLOT + 66, top=22) as sheet:
        sheet.name_above("share of questions whose best answer stood there")
        sheet.axes.set_ylim(0, min(1.0, 1.08 * highest))
        sheet.ticks_beside(ticks(0, min(1.0, 1.08 * highest), "share"))
        sheet.axes.set_xlim(-0.6, len(shown) - 0.4)
        sheet.ticks_below([(float(at), str(at + 1)) for at in range(len(shown))], grid=False)
        sheet.name_below("place in the question")
        for at, (one, chance) in enumerate(shown):
            _bar(sheet, at, one.value or 0.0, f"place {at + 1}\n{shared(one)}\n{percent(chance)} without a bias")
            if one.low is not None and one.high is not None:
                sheet.line([at, at], [one.low, one.high], svg.INK, lw=1.4, zorder=5)
            sheet.line([at - 0.5, at + 0.5], [chance, chance], svg.OTHER, lw=1.4, ls=(0, (4, 3)), zorder=6)
        return sheet.svg(*named)


def _bar(sheet: Canvas, at: int, height: float, tip: str) -> None:
    from matplotlib.patches import Rectangle

    made = Rectangle((at - 0.36, 0), 0.72, height, lw=0, facecolor=svg.SERIES[0], zorder=2)
    sheet.axes.add_patch(made)
    sheet.mark(made, tip)
