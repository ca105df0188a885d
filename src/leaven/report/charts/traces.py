"""Lines over training steps: every run a thin one, an arm's mean over its runs a thick one, thinned to what is seen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report import numbers
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import SMALL, around, short, ticks, width
from leaven.report.charts.told import joined, listed
from leaven.report.text import label

MOST_POINTS, ALL_POINTS = 200, 6_000  # of one run's line; of all lines of a chart
MOST_NAMES = 12
STRETCHES = 60  # of an arm's mean
_PLOT, _NAME = 200.0, 16
_DASH = (0, (3, 2))

Points = list[tuple[int, float]]


@dataclass(frozen=True)
class Trace:
    """One run's line: its finite values, thinned and whole, and how many were not finite.

    ``word`` says what it is of; where a chart has two lines an arm, ``dashed`` tells the second.
    """

    arm: str
    seed: int | None
    points: Points
    n_lost: int
    whole: Points
    word: str = "loss"
    dashed: bool = False


def trace(arm: str, seed: int | None, logged: Sequence[tuple[int, float]], most: int, word: str = "loss", *,
          dashed: bool = False) -> Trace:  # fmt: skip
    """Return one run's line of at most ``most`` points."""
    finite = sorted((int(step), float(value)) for step, value in logged if math.isfinite(value))
    return Trace(arm, seed, thinned(finite, most), len(logged) - len(finite), finite, word, dashed)


def room(n_lines: int) -> int:
    """Return how many points one of ``n_lines`` may have."""
    return max(4, min(MOST_POINTS, ALL_POINTS // max(1, n_lines)))


def thinned(points: Points, most: int) -> Points:
    """Return at most ``most`` points that keep the ends and every stretch's lowest and highest: no spike is lost.

    ``most`` is at least 4.
    """
    if len(points) <= most:
        return list(points)
    n_stretches = max(1, (most - 2) // 2)
    kept = {0, len(points) - 1}
    for i in range(n_stretches):
        stretch = range(i * len(points) // n_stretches, (i + 1) * len(points) // n_stretches)
        kept |= {min(stretch, key=lambda j: points[j][1]), max(stretch, key=lambda j: points[j][1])}
    return [points[j] for j in sorted(kept)]


def smoothed(runs: Sequence[Points], most: int = STRETCHES) -> list[tuple[float, float]]:
    """Return the mean over runs, and over stretches of steps where there are more than ``most``.

    Only steps that every run logged count: else the mean would jump where a run begins or ends.
    """
    by_step: dict[int, list[float]] = {}
    for points in runs:
        for step, value in points:
            by_step.setdefault(step, []).append(value)
    shared = [(step, math.fsum(some) / len(some)) for step, some in sorted(by_step.items()) if len(some) == len(runs)]
    n_stretches = min(most, len(shared))
    cut = [shared[i * len(shared) // n_stretches : (i + 1) * len(shared) // n_stretches] for i in range(n_stretches)]
    return [(math.fsum(x for x, _ in one) / len(one), math.fsum(y for _, y in one) / len(one)) for one in cut]


def draw(
    traces: Sequence[Trace], looks: Mapping[str, Look], named: tuple[str, str], above: str, unit: str = "score"
) -> str:
    """Return the picture of some runs; ``named`` are its name and title, ``above`` is what its axis measures."""
    arms = list(dict.fromkeys(one.arm for one in traces if one.points))
    names = {arm: short(arm, _NAME) for arm in arms} if len(arms) <= MOST_NAMES else {}
    right = 24 + max((width(text, SMALL) for text in names.values()), default=0.0)
    with canvas(_PLOT + 66, top=24, bottom=42, right=right) as sheet:
        _axes(sheet, traces, above, unit)
        for one in traces:
            _run(sheet, one, looks[one.arm], unit, faint=len(traces) > MOST_NAMES)
        ends = {arm: _arm(sheet, [one for one in traces if one.arm == arm], looks[arm], unit) for arm in arms}
        if names:
            _names(sheet, ends, names, looks)
        words = [(_who(one), numbers.value(one.whole[-1][1], unit)) for one in traces if one.points]
        return sheet.svg(*named, joined("At last:", listed(words)))


def _who(one: Trace) -> str:
    return f"{one.arm}, seed {one.seed}, {one.word}"


def _axes(sheet: Canvas, traces: Sequence[Trace], above: str, unit: str) -> None:
    from matplotlib.ticker import NullLocator

    every = [value for one in traces for _, value in one.points]
    low, high = around(every, 0.06)
    steps = [step for one in traces for step, _ in one.points]
    first, last = min(steps), max([*steps, min(steps) + 1])
    sheet.axes.set_xlim(first, last)
    if min(every) > 0 and max(every) > 20 * statistics.median(every):
        # A run that blew up would press all others flat.
        sheet.axes.set_yscale("log")
        low, high = min(every) / 1.2, max(every) * 1.2
        places = _powers(low, high)
        sheet.axes.yaxis.set_minor_locator(NullLocator())
    else:
        places = ticks(low, high, unit)
    sheet.axes.set_ylim(low, high)
    sheet.ticks_beside(places)
    whole = [(x, text) for x, text in ticks(first, last, "score", sheet.wide) if x == int(x)]
    sheet.ticks_below(whole, grid=False)
    sheet.name_above(above)
    sheet.name_below("step")


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    """Return the powers of ten within a range with their words, eight at most."""
    exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    shown = exponents[:: -(-len(exponents) // 8) or 1]
    return [(10.0**k, f"{10.0**k:,.10g}" if -4 <= k < 6 else f"1e{k}".replace("-", "−")) for k in shown]


def _run(sheet: Canvas, one: Trace, look: Look, unit: str, *, faint: bool) -> None:
    if not one.points:
        return
    last, value = one.whole[-1]
    seed = "" if one.seed is None else f"seed {one.seed}: "
    tip = f"{label(one.arm, 80)}\n{seed}{one.word} {numbers.value(value, unit)} at step {numbers.count(last)}"
    xs, ys = zip(*one.points, strict=True)
    ls = _DASH if one.dashed else "-"
    sheet.line(xs, ys, look.colour, tip, lw=0.8, ls=ls, alpha=0.14 if faint else 0.35, zorder=2, clip_on=False)


def _arm(sheet: Canvas, traces: Sequence[Trace], look: Look, unit: str) -> float:
    """Draw an arm's means over its runs, one for each thing that they logged; return where the first ends."""
    by_word: dict[str, list[Trace]] = {}
    for one in traces:
        if one.points:
            by_word.setdefault(one.word, []).append(one)
    ends = [_mean(sheet, some, look, unit, alone=len(by_word) == 1) for some in by_word.values()]
    return ends[0]


def _mean(sheet: Canvas, runs: Sequence[Trace], look: Look, unit: str, *, alone: bool) -> float:
    mean = smoothed([one.whole for one in runs])
    if len(mean) < 2:
        return math.fsum(one.whole[-1][1] for one in runs) / len(runs)
    xs, ys = zip(*mean, strict=True)
    n = f"mean of {len(runs)} run{'' if len(runs) == 1 else 's'}"
    word = "" if alone else f"{runs[0].word}, "
    tip = f"{label(runs[0].arm, 80)}\n{word}{n}, at last {numbers.value(ys[-1], unit)}"
    ls = _DASH if runs[0].dashed else "-"
    sheet.line(xs, ys, look.colour, tip, lw=1.8, ls=ls, alpha=0.4 + 0.6 * look.fill, zorder=3, clip_on=False)
    return float(ys[-1])


def _names(sheet: Canvas, ends: Mapping[str, float], names: Mapping[str, str], looks: Mapping[str, Look]) -> None:
    """Write the arms' names with their marks at the right edge, near where their lines end, never over each other."""
    transform = sheet.axes.transData
    scale = 72.0 / sheet.figure.dpi
    at = {arm: float(transform.transform((0, end))[1]) * scale - sheet.bottom for arm, end in ends.items()}
    edge = sheet.axes.get_xlim()[1]
    back = transform.inverted()
    for arm, place in spread(at, SMALL + 3, sheet.high).items():
        _, y = back.transform((0, (place + sheet.bottom) / scale))
        wide = (edge - sheet.axes.get_xlim()[0]) / sheet.wide
        sheet.point(edge + 9 * wide, float(y), looks[arm], label(arm, 80), size=5.5)
        sheet.text(edge, float(y), names[arm], dx=17, ha="left")


def spread(places: Mapping[str, float], apart: float, high: float) -> dict[str, float]:
    """Move places on a line, as little as a sweep down and one up need, until they are ``apart`` within ``high``."""
    ordered = sorted(places, key=lambda name: places[name])
    made: list[float] = []
    for name in ordered:
        made.append(max(places[name], made[-1] + apart) if made else places[name])
    top = high
    for i in reversed(range(len(made))):
        made[i] = min(made[i], top)
        top = made[i] - apart
    return dict(zip(ordered, made, strict=True))
