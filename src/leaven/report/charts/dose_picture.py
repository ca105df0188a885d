"""A metric over evenly spaced doses, drawn: runs, means, fitted curve with its band, margin, and the tolerated dose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaven.report import numbers, svg
from leaven.report.charts import told
from leaven.report.charts.canvas import WIDTH, Canvas, canvas
from leaven.report.charts.chart import MANY
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import SMALL, TEXT, around, ticks, width
from leaven.report.charts.view import View
from leaven.report.curves import Curve, Point
from leaven.report.fits import FitLine, Tolerated
from leaven.report.means import Column
from leaven.report.text import label

MOST_TICKS = 9
PLOT, ROW = 196.0, 14.0
NAME, _APART = SMALL + 1.5, 4.0  # a row of names under the axis, and what is left between two


@dataclass(frozen=True)
class Picture:
    """What is drawn: the points of a metric, the fits of its sweeps, and the doses that the arms reached."""

    view: View
    column: Column
    curve: Curve
    lines: Sequence[FitLine]
    reached: Mapping[str, float]

    @property
    def series(self) -> list[str]:
        """The names of the sweeps."""
        return list(dict.fromkeys(p.series for p in self.curve.points if p.role == "dose"))

    def look(self, series: str) -> Look:
        """Return a sweep's look, that of its last arm."""
        arms = [p.arm for p in self.curve.points if p.series == series and p.role == "dose"]
        return self.view.looks[arms[-1]] if arms else Look(svg.INK)

    def shift(self, p: Point) -> float:
        """Return how far a sweep stands beside the others, so that equal doses do not cover each other."""
        every = self.series
        if p.role != "dose":
            return 0.0
        return min(0.1, 0.4 / len(every)) * (every.index(p.series) - (len(every) - 1) / 2)

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many arms to draw all of each."""
        return len(self.curve.points) > MANY

    def bounds(self, p: Point) -> list[float]:
        """Return an interval of a difference, placed around the mean that it is a difference to; empty without one."""
        middle = p.around if self.curve.baseline_mean is None else self.curve.baseline_mean
        if middle is None or p.low is None or p.high is None:
            return []
        both = [middle + p.low, middle + p.high]
        return [min(max(x, 0.0), 1.0) for x in both] if self.is_share else both

    @property
    def is_share(self) -> bool:
        """Whether what is measured lies between 0 and 1."""
        values = [x for p in self.curve.points if p.mean is not None for x in (p.mean, *p.by_seed)]
        return self.curve.about.unit == "share" and all(0 <= x <= 1 for x in values)


def brief(one: Tolerated) -> str:
    """Write a tolerated dose: a tested one as declared, the curve's with the digits that it is worth."""
    return numbers.dose(one.dose if one.is_tested else float(f"{one.dose:.2g}"))


def draw(picture: Picture, keys: Sequence[tuple[str, Look | None]], named: tuple[str, str, str]) -> str:
    """Draw it as SVG; ``keys`` are lines above the axes, ``named`` is the svg's name, title and description.

    A key without a look goes on with the one before it.
    """
    top = (32 if keys else 24) + ROW * len(keys)
    with canvas(top + PLOT + 62, top=top, bottom=62, right=10) as sheet:
        _axes(sheet, picture)
        sheet.name_above(told.named(picture.view.findings, picture.column))
        for row, (text, look) in enumerate(keys):
            sheet.row_above(row, text, look)
        _margin(sheet, picture.curve)
        for line in picture.lines:
            _fit(sheet, picture, line)
        _joined(sheet, picture)
        for p in picture.curve.points:
            if p.mean is not None:
                _arm(sheet, picture, p, p.mean)
        return sheet.svg(*named)


# The axes


def _axes(sheet: Canvas, picture: Picture) -> None:
    curve = picture.curve
    low, high = _extent(picture)
    sheet.axes.set_ylim(low, high)
    sheet.ticks_beside(ticks(low, high, curve.about.unit))
    places = [p.place for p in curve.points]
    sheet.axes.set_xlim(min(places) - 0.45, max(places) + 0.45)
    every = -(-len(curve.ticks) // MOST_TICKS)
    split = [(place, *text.partition("\n")[::2]) for place, text in curve.ticks]
    shown = [one for i, one in enumerate(split) if i % every == 0 or one[2]]
    sheet.ticks_below([(place, dose) for place, dose, _ in shown], grid=False)
    more = _named_below(sheet, [(place, text) for place, _, text in shown if text])
    sheet.axes.set_xlabel(curve.axis, color=svg.INK, fontsize=TEXT, labelpad=22 + more)


def _named_below(sheet: Canvas, named: Sequence[tuple[float, str]]) -> float:
    """Write arms' names under the axis, each in the first row where it covers no other; return what they take more."""
    low, high = sheet.axes.get_xlim()
    at = [sheet.left + (place - low) / (high - low) * sheet.wide for place, _ in named]
    halves = [width(text, SMALL) / 2 for _, text in named]
    middles = [min(max(x, half), WIDTH - half) for x, half in zip(at, halves, strict=True)]
    rows = in_rows(list(zip(middles, halves, strict=True)))
    more = max(max(rows, default=0) - 1, 0) * NAME  # there is room for two rows
    if more:
        sheet.place(left=sheet.left, right=sheet.right, top=sheet.top, bottom=sheet.bottom + more)
    for (place, text), x, middle, row in zip(named, at, middles, rows, strict=True):
        _name(sheet, place, text, (middle - x, 20 + row * NAME))
    return more


def in_rows(names: Sequence[tuple[float, float]]) -> list[int]:
    """Return the row of each name (its middle, half of its width), from left to right: the first that has room."""
    ends: list[float] = []
    rows = []
    for middle, half in names:
        row = next((i for i, end in enumerate(ends) if middle - half >= end + _APART), len(ends))
        ends[row:] = [middle + half, *ends[row + 1 :]]
        rows.append(row)
    return rows


def _name(sheet: Canvas, place: float, text: str, shift: tuple[float, float]) -> None:
    aside, down = shift
    look: dict[str, Any] = {"ha": "center", "va": "top", "color": svg.OTHER, "fontsize": SMALL}
    below = sheet.axes.get_xaxis_transform()
    sheet.axes.annotate(text, (place, 0), (aside, -down), xycoords=below, textcoords="offset points", **look)


def _extent(picture: Picture) -> tuple[float, float]:
    """Return the value axis's range: all that is drawn and a little more; a share's axis stays within 0 and 1."""
    curve = picture.curve
    values = [x for p in curve.points if p.mean is not None for x in (p.mean, *p.by_seed)]
    values += [bound for p in curve.points for bound in picture.bounds(p)]
    values += [x for line in picture.lines for _, *drawn in line.line for x in drawn if x is not None]
    return around([min(max(x, 0.0), 1.0) for x in values] if picture.is_share else values)


def _margin(sheet: Canvas, curve: Curve) -> None:
    middle = curve.baseline_mean
    if middle is None:
        return
    if curve.margin:
        sheet.axes.axhspan(middle - curve.margin, middle + curve.margin, color=svg.BAND, alpha=0.4, lw=0, zorder=0.5)
    sheet.axes.axhline(middle, color=svg.OTHER, lw=1, ls=(0, (4, 3)), zorder=1)


# The arms


def _joined(sheet: Canvas, picture: Picture) -> None:
    """Join the means of every sweep that has no fitted curve."""
    fitted = {line.series for line in picture.lines if line.line}
    for one in (series for series in picture.series if series not in fitted):
        points = [p for p in picture.curve.points if p.series == one and p.role == "dose"]
        ordered = sorted((p.place + picture.shift(p), p.mean) for p in points if p.mean is not None)
        sheet.line([x for x, _ in ordered], [y for _, y in ordered], picture.look(one).colour, lw=1.6)


def _arm(sheet: Canvas, picture: Picture, p: Point, mean: float) -> None:
    place, look = p.place + picture.shift(p), picture.view.looks[p.arm]
    if not picture.is_crowded:
        _runs(sheet, picture, p, place, look.colour)
    findings = picture.view.findings
    c = picture.view.contrasts(picture.column).get(p.arm)
    more = told.compared(findings, c) if c is not None and numbers.is_number(c.effect) else []
    if p.arm in picture.reached and p.role == "dose":
        more = [f"{picture.curve.axis} reached: {numbers.dose(round(picture.reached[p.arm], 6))}", *more]
    tip = told.arm(findings, picture.column, p.arm, mean, *more)
    if both := picture.bounds(p):
        sheet.line([place] * 2, both, look.colour, tip, lw=0.5 if picture.is_crowded else 1.4, zorder=5)
    sheet.point(place, mean, look, tip, size=4.0 if picture.is_crowded else 7.0)


def _runs(sheet: Canvas, picture: Picture, p: Point, place: float, colour: str) -> None:
    """Draw every run's mean as a small dot beside its arm's."""
    step = min(0.06, 0.2 / max(1, len(p.by_seed)))
    side = -0.15 if p.role == "baseline" else 0.15  # the baseline's stand away from its A/A arm
    for i, (seed, value) in enumerate(zip(p.seeds, p.by_seed, strict=True)):
        x = place + side + step * (i - (len(p.by_seed) - 1) / 2)
        look: dict[str, Any] = {"color": colour, "marker": "o", "ms": 3.2, "mew": 0, "alpha": 0.65, "ls": "none"}
        tip = told.run(picture.view.findings, picture.column, p.arm, seed, value)
        sheet.add([x], [value], tip, zorder=2.5, **look)


# The fits


def _fit(sheet: Canvas, picture: Picture, line: FitLine) -> None:
    colour = picture.look(line.series).colour
    if line.has_band:
        within = (0.0, 1.0) if picture.is_share else (-math.inf, math.inf)
        whole = [
            (x, max(low, within[0]), min(high, within[1]))
            for x, _, low, high in line.line
            if low is not None and high is not None
        ]
        xs, lows, highs = zip(*whole, strict=True)
        sheet.axes.fill_between(xs, lows, highs, color=colour, alpha=0.16, lw=0, zorder=1.5)
    sheet.line([x for x, *_ in line.steps], [y for _, y in line.steps], colour, lw=1, ls=(0, (2, 2)), zorder=2)
    if line.line:
        tip = f"{label(line.fit.sweep, 80)}\n{label(line.fit.model)} fit over {picture.curve.axis}"
        sheet.line([x for x, *_ in line.line], [y for _, y, *_ in line.line], colour, tip, lw=2)
    for one in line.tolerated:
        _flag(sheet, line, one, colour)


def _flag(sheet: Canvas, line: FitLine, one: Tolerated, colour: str) -> None:
    """Draw a line at a tolerated dose, with a mark on top: full for a tested dose, hollow for the curve's."""
    below = sheet.axes.get_xaxis_transform()
    how = "largest tested dose within the margin" if one.is_tested else "the fitted curve stays within the margin up to"
    tip = f"{label(line.fit.sweep, 80)}\n{how}: {brief(one)}"
    dashes: Any = (0, (5, 3)) if one.is_tested else (0, (1, 2))
    # Thin and dashed: no interval of a mean looks like it.
    sheet.line([one.place] * 2, [0, 1], colour, tip, lw=0.8, zorder=1.2, ls=dashes, alpha=0.7, transform=below)
    face = colour if one.is_tested else svg.PAPER
    look: dict[str, Any] = {"mfc": face, "mec": colour, "mew": 1.2, "ls": "none", "clip_on": False, "zorder": 1.2}
    sheet.add([one.place], [1], tip, marker="v", ms=6.5, transform=below, **look)
