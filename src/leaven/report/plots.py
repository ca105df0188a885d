"""Drawing by matplotlib: no pyplot, no global state, no text that is read as mathematics.

Drawn at the width of a phone, so that the letters keep their size there; a wider page scales them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leaven.report import numbers, svg
from leaven.report.curves import Curve, Point
from leaven.report.text import clip, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Formatter

WIDTH = 5.0  # inches at 72 units each: 360 units
SMALL, TEXT = 10.5, 11.5
MOST_TICKS = 9


def dose_plot(curve: Curve, name: str) -> str:
    """Draw a metric over evenly spaced doses; return SVG whose ids start with ``name``."""
    from matplotlib.figure import Figure

    with svg.drawing():
        figure = Figure(figsize=(WIDTH, 3.3))
        axes = figure.add_axes((0.15, 0.22, 0.83, 0.75))
        _frame(axes)
        _baseline(axes, curve)
        series = list(dict.fromkeys(p.series for p in curve.points if p.role == "dose"))
        for place, one in enumerate(series):
            points = [p for p in curve.points if p.series == one and p.role == "dose" and p.mean is not None]
            _line(axes, curve, points, svg.SERIES[place % len(svg.SERIES)], 0.1 * (place - (len(series) - 1) / 2))
        for p in curve.points:
            if p.role != "dose" and p.mean is not None:
                _alone(axes, curve, p)
        _dose_axis(axes, curve)
        _value_axis(axes, curve)
        return svg.inline(figure, name, f"{clip(curve.about.name, 60)} over {curve.axis}", _in_words(curve))


def _mean(p: Point) -> float:
    assert p.mean is not None, "only measured points are drawn"
    return p.mean


def _frame(axes: Axes) -> None:
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(svg.FAINT)
    axes.tick_params(colors=svg.INK, labelsize=TEXT, length=0, pad=5)
    axes.set_axisbelow(True)


def _baseline(axes: Axes, curve: Curve) -> None:
    if curve.baseline_mean is None:
        return
    if curve.margin:
        axes.axhspan(
            curve.baseline_mean - curve.margin, curve.baseline_mean + curve.margin, color=svg.BAND, alpha=0.35, lw=0
        )
    axes.axhline(curve.baseline_mean, color=svg.OTHER, lw=1, ls=(0, (4, 3)), zorder=1)


def _line(axes: Axes, curve: Curve, points: Sequence[Point], colour: str, shift: float) -> None:
    """Draw one sweep: each seed a small dot, the means joined, bars for the intervals."""
    ordered = sorted(points, key=lambda p: p.place)
    places = [p.place + shift for p in ordered]
    axes.plot(places, [_mean(p) for p in ordered], color=colour, lw=1.8, marker="o", ms=5.5, zorder=4)
    for p in ordered:
        _bar(axes, curve, p, colour, shift)
        _seeds(axes, p, colour, shift)


def _alone(axes: Axes, curve: Curve, p: Point) -> None:
    """Draw an arm that is on no line: the baseline a square, the A/A arm a hollow diamond, others a dot."""
    colour = svg.OTHER if p.role == "baseline" else svg.INK
    shape = {"baseline": "s", "A/A": "D"}.get(p.role, "o")
    face = "none" if p.role == "A/A" else colour
    _bar(axes, curve, p, colour, 0)
    axes.plot([p.place], [_mean(p)], color=colour, marker=shape, ms=6, mfc=face, mew=1.4, ls="none", zorder=5)
    _seeds(axes, p, colour, 0)


def _bar(axes: Axes, curve: Curve, p: Point, colour: str, shift: float) -> None:
    if bounds := _bounds(curve, p):
        axes.plot([p.place + shift] * 2, bounds, color=colour, lw=1.4, solid_capstyle="butt", zorder=3)


def _bounds(curve: Curve, p: Point) -> list[float]:
    """Return an interval of a difference, placed around the mean that it is a difference to; empty without one."""
    around = p.around if curve.baseline_mean is None else curve.baseline_mean
    return [around + p.low, around + p.high] if None not in (p.low, p.high, around) else []  # type: ignore[operator]


def _seeds(axes: Axes, p: Point, colour: str, shift: float) -> None:
    middle = (len(p.by_seed) - 1) / 2
    step = min(0.05, 0.2 / max(1, len(p.by_seed)))
    side = -0.13 if p.role == "baseline" else 0.13  # beside the mean, and the baseline's away from its A/A arm
    places = [p.place + shift + side + step * (i - middle) for i in range(len(p.by_seed))]
    axes.plot(places, list(p.by_seed), color=colour, marker="o", ms=2.6, mew=0, alpha=0.6, ls="none", zorder=2)


def _dose_axis(axes: Axes, curve: Curve) -> None:
    every = -(-len(curve.ticks) // MOST_TICKS)
    shown = [
        (place, *text.partition("\n")[::2])
        for i, (place, text) in enumerate(curve.ticks)
        if i % every == 0 or "\n" in text
    ]
    axes.set_xticks([place for place, _, _ in shown], [dose for _, dose, _ in shown])
    below = axes.get_xaxis_transform()
    for place, dose, named in shown:
        if named:
            down = -19 if dose else -7
            look: dict[str, Any] = {"ha": "center", "va": "top", "color": svg.OTHER, "fontsize": SMALL}
            axes.annotate(named, (place, 0), (0, down), xycoords=below, textcoords="offset points", **look)
    places = [p.place for p in curve.points]
    axes.set_xlim(min(places) - 0.45, max(places) + 0.45)
    axes.set_xlabel(curve.axis, color=svg.INK, fontsize=TEXT, labelpad=14)


def _value_axis(axes: Axes, curve: Curve) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(*_extent(curve))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(_formatter(curve, "%"))
    axes.grid(axis="y", color=svg.FAINT, lw=0.6, alpha=0.5)


def _extent(curve: Curve) -> tuple[float, float]:
    """Return the value axis's range: all that is drawn and a little more, also where all values are equal."""
    values = [x for p in curve.points if p.mean is not None for x in (p.mean, *p.by_seed)]
    share = curve.about.unit == "share" and all(0 <= x <= 1 for x in values)
    values += [bound for p in curve.points for bound in _bounds(curve, p)]
    # An interval may reach beyond what a share can be; the axis does not.
    low, high = (max(min(values), 0.0), min(max(values), 1.0)) if share else (min(values), max(values))
    room = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    return low - room, high + room


def _formatter(curve: Curve, symbol: str) -> Formatter:
    """Return what writes an axis's numbers: as many digits as the steps need, shares in percent."""
    from matplotlib.ticker import PercentFormatter, ScalarFormatter

    if curve.about.unit == "share":
        return PercentFormatter(xmax=1, symbol=symbol)
    plain = ScalarFormatter(useOffset=False, useMathText=False)
    plain.set_scientific(False)
    return plain


# Without doses


def forest_plot(curve: Curve, name: str) -> str:
    """Draw every arm's difference to the baseline on a line of its own; return SVG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    height = 0.75 + 0.36 * len(curve.points)
    with svg.drawing():
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.add_axes((0.34, 0.58 / height, 0.62, 1 - 0.62 / height))
        _frame(axes)
        if curve.margin:
            axes.axvspan(-curve.margin, curve.margin, color=svg.BAND, alpha=0.35, lw=0)
        axes.axvline(0, color=svg.OTHER, lw=1, ls=(0, (4, 3)), zorder=1)
        for p in curve.points:
            _difference(axes, p)
        axes.set_yticks([place for place, _ in curve.ticks], [text for _, text in curve.ticks])
        axes.set_ylim(-len(curve.points) + 0.4, 0.6)
        axes.set_xlim(*_reach(curve))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(_formatter(curve, ""))
        unit = "points" if curve.about.unit == "share" else label(curve.about.unit)
        tail = "" if unit == "score" else f", {unit}"
        axes.set_xlabel(f"difference to {curve.baseline}{tail}", labelpad=7, color=svg.INK, fontsize=TEXT)
        return svg.inline(
            figure, name, f"{clip(curve.about.name, 60)}, difference to {curve.baseline}", _in_words(curve)
        )


def _difference(axes: Axes, p: Point) -> None:
    if p.effect is None:
        axes.text(0, p.place, f"  {numbers.NOT_MEASURED}", color=svg.OTHER, fontsize=SMALL, va="center")
        return
    colour = svg.INK if p.role == "A/A" else svg.SERIES[0]
    face = "none" if p.role == "A/A" else colour
    if p.low is not None and p.high is not None:
        axes.plot([p.low, p.high], [p.place] * 2, color=colour, lw=1.6, solid_capstyle="butt", zorder=3)
    axes.plot(
        [p.effect], [p.place], color=colour, marker="D" if p.role == "A/A" else "o", ms=6, mfc=face, mew=1.4, zorder=4
    )


def _reach(curve: Curve) -> tuple[float, float]:
    values = [0.0, *(x for p in curve.points for x in (p.effect, p.low, p.high) if x is not None)]
    room = 0.08 * (max(values) - min(values)) or 0.1
    return min(values) - room, max(values) + room


def _in_words(curve: Curve) -> str:
    """Return what the chart shows for those who cannot see it: the first arms' values."""
    named = [f"{clip(p.arm, 40)}: {numbers.value(p.mean, curve.about.unit)}" for p in curve.points[:12]]
    more = f" and {len(curve.points) - 12} more arms" if len(curve.points) > 12 else ""
    return "; ".join(named) + more + "."
