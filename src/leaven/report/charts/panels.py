"""Dumbbells in small panels, one for each arm: its groups below one another, all panels on one scale.

A group's point is filled only where a change may be named there, else it is hollow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leaven.report import numbers, svg
from leaven.report.certainty import is_named
from leaven.report.charts import told
from leaven.report.charts.canvas import WIDTH, Canvas, canvas
from leaven.report.charts.dumbbell import Dumbbell, bar, reach, tip
from leaven.report.charts.looks import BASELINE
from leaven.report.charts.scale import SMALL, short, ticks, width
from leaven.report.charts.view import View
from leaven.report.means import Column

_ROW, _HEAD, _FOOT, _BETWEEN = 13.0, 25.0, 12.0, 16.0  # a group's row; above and below a panel's rows; side by side
_ABOVE, _BELOW = 22.0, 20.0  # the metric's name; the words of the axes
_ACROSS = 2  # panels side by side, as much as a phone has room for
_NAME = 20  # letters of a group


@dataclass(frozen=True)
class _Scale:
    """Where a value stands in a panel: ``left`` is the panel's edge, ``wide`` its width, in units."""

    low: float
    high: float
    left: float
    wide: float

    def at(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * self.wide


def panels(view: View, column: Column, listed: Sequence[Dumbbell], named: tuple[str, str, str]) -> str:
    """Return the picture of every arm's panel; ``named`` are its name, its title and what it shows in words."""
    arms = sorted({one.arm for one in listed}, key=list(view.looks).index)
    groups = list(dict.fromkeys(one.group for one in listed))
    unit = view.unit(column)
    low, high = reach(view, listed, unit)
    left = 8 + max(width(short(group, _NAME), SMALL) for group in groups)
    deep = -(-len(arms) // _ACROSS)
    each = _HEAD + _ROW * len(groups) + _FOOT
    with canvas(_ABOVE + each * deep + _BELOW, left=0, right=0, top=_ABOVE, bottom=_BELOW) as sheet:
        _blank(sheet, each * deep)
        sheet.name_above(told.named(view.findings, column))
        wide = (WIDTH - left - 8 - _BETWEEN * (_ACROSS - 1)) / _ACROSS
        for place, arm in enumerate(arms):
            row, across = divmod(place, _ACROSS)
            scale = _Scale(low, high, left + across * (wide + _BETWEEN), wide)
            top = -row * each
            here = {one.group: one for one in listed if one.arm == arm}
            _axis(sheet, scale, (top, len(groups)), unit, words=place + _ACROSS >= len(arms))
            _head(sheet, view, arm, scale, top)
            for i, group in enumerate(groups):
                y = top - _HEAD - (i + 0.5) * _ROW
                if across == 0:
                    sheet.text(left - 7, y, short(group, _NAME), ha="right")
                if group in here:
                    _dumbbell(sheet, view, scale, y, here[group])
        words = [(f"{one.arm} in {one.group}", numbers.change(one.mean - one.baseline, unit)) for one in listed]
        return sheet.svg(*named[:2], told.joined(told.listed(words), named[2]))


def _blank(sheet: Canvas, high: float) -> None:
    """Make the axes' units those of the sheet; the panels draw their own axes."""
    sheet.axes.set_xlim(0, WIDTH)
    sheet.axes.set_ylim(-high, 0)
    sheet.axes.set_xticks([])
    sheet.axes.set_yticks([])
    sheet.axes.spines["bottom"].set_visible(False)


def _axis(sheet: Canvas, scale: _Scale, rows: tuple[float, int], unit: str, *, words: bool) -> None:
    """Draw a panel's upright lines; the lowest panels write what they stand for."""
    top, n = rows
    upper, lower = top - _HEAD + 2, top - _HEAD - n * _ROW - 3
    for value, text in ticks(scale.low, scale.high, unit, scale.wide):
        sheet.line([scale.at(value)] * 2, [lower, upper], svg.FAINT, lw=0.6, alpha=0.5, zorder=0.5)
        if words:
            sheet.text(_inside(scale, value, text), lower, text, ha="center", va="top", dy=-4)
    sheet.line([scale.left, scale.left + scale.wide], [lower] * 2, svg.FAINT, lw=0.8, zorder=0.6)


def _inside(scale: _Scale, value: float, text: str) -> float:
    """Return the middle of a tick's words, moved so that they keep off those of the panel beside."""
    half, out = width(text, SMALL) / 2, _BETWEEN / 2 - 3
    return min(max(scale.at(value), scale.left - out + half), scale.left + scale.wide + out - half)


def _head(sheet: Canvas, view: View, arm: str, scale: _Scale, top: float) -> None:
    y = top - _HEAD + 11
    sheet.point(scale.left + 4, y, replace(view.looks[arm], fill=1.0), size=6.0)
    letters = int((scale.wide + _BETWEEN - 14) / (SMALL * 0.6))
    sheet.text(scale.left + 12, y, short(arm, letters), ha="left", fontweight="bold")


def _dumbbell(sheet: Canvas, view: View, scale: _Scale, y: float, one: Dumbbell) -> None:
    marked, said = is_named(view.findings, one.comparison), tip(view, one)
    look = replace(view.looks[one.arm], fill=1.0 if marked else 0.0)
    unit = view.unit(Column(one.comparison.suite, one.comparison.metric))
    if (between := bar(one, unit, (scale.low, scale.high))) is not None:
        sheet.line([scale.at(end) for end in between], [y] * 2, look.colour, said, lw=1.0, alpha=0.6, zorder=5)
    colour, thick = (look.colour, 2.4) if marked else (svg.FAINT, 1.5)
    sheet.line([scale.at(one.baseline), scale.at(one.mean)], [y] * 2, colour, said, lw=thick, zorder=5)
    sheet.point(scale.at(one.baseline), y, BASELINE, said, size=3.5)
    sheet.point(scale.at(one.mean), y, look, said, size=6.0)
