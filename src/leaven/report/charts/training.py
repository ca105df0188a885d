"""Training curves: the loss by step, every run a thin line, every arm's mean over its runs a thick one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaven.report import certainty, numbers
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.chart import Chart, drawable
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import SMALL, around, short, ticks, width
from leaven.report.charts.told import joined, listed
from leaven.report.charts.view import View
from leaven.report.findings import Findings, TrainingInfo
from leaven.report.text import label

MOST_ARMS = 24
MOST_POINTS, ALL_POINTS = 200, 6_000  # of one run's line; of all lines of a chart
MOST_NAMES = 12
STRETCHES = 60  # of an arm's mean
_PLOT, _NAME = 200.0, 16

Losses = list[tuple[int, float]]


@dataclass(frozen=True)
class Trace:
    """One run's losses, finite and thinned, and how many were not finite."""

    arm: str
    seed: int | None
    losses: Losses
    n_lost: int
    whole: Losses


def steps_of(findings: Findings) -> list[str]:
    """Return the trainings of a chain that have losses, in their order."""
    return list(dict.fromkeys(t.step for t in findings.trainings if t.losses))


def training_chart(view: View, step: str, name: str) -> Chart:
    """Draw the losses of every run of one training."""
    runs = [t for t in view.findings.trainings if t.step == step and t.losses]
    every = list(dict.fromkeys(t.arm for t in runs))
    kept = every[:MOST_ARMS]
    traces = _traces([t for t in runs if t.arm in kept])
    drawn = drawable([loss for one in traces for _, loss in one.losses])
    title = f"training loss of {label(step, 60)}" if step else "training loss"
    return Chart(
        name=name,
        kind="training",
        title=title,
        description="The loss as it was logged: one thin line a run, one thick line the mean of an arm's runs.",
        svg=_draw(traces, view.looks, (name, title)) if drawn else "",
        legend=[],
        note=_note(view, step, every, traces, drawn),
    )


def thinned(losses: Losses, most: int) -> Losses:
    """Return at most ``most`` points that keep the ends and every stretch's lowest and highest: no spike is lost.

    ``most`` is at least 4.
    """
    if len(losses) <= most:
        return list(losses)
    n_stretches = max(1, (most - 2) // 2)
    kept = {0, len(losses) - 1}
    for i in range(n_stretches):
        stretch = range(i * len(losses) // n_stretches, (i + 1) * len(losses) // n_stretches)
        kept |= {min(stretch, key=lambda j: losses[j][1]), max(stretch, key=lambda j: losses[j][1])}
    return [losses[j] for j in sorted(kept)]


def _traces(runs: Sequence[TrainingInfo]) -> list[Trace]:
    most = max(4, min(MOST_POINTS, ALL_POINTS // max(1, len(runs))))
    made = []
    for t in runs:
        finite = sorted((int(step), float(loss)) for step, loss in t.losses if math.isfinite(loss))
        made.append(Trace(t.arm, t.seed, thinned(finite, most), len(t.losses) - len(finite), finite))
    return made


def smoothed(runs: Sequence[Losses], most: int = STRETCHES) -> list[tuple[float, float]]:
    """Return the mean over runs, and over stretches of steps where there are more than ``most``.

    Only steps that every run logged count: else the mean would jump where a run begins or ends.
    """
    by_step: dict[int, list[float]] = {}
    for losses in runs:
        for step, loss in losses:
            by_step.setdefault(step, []).append(loss)
    shared = [(step, math.fsum(some) / len(some)) for step, some in sorted(by_step.items()) if len(some) == len(runs)]
    n_stretches = min(most, len(shared))
    cut = [shared[i * len(shared) // n_stretches : (i + 1) * len(shared) // n_stretches] for i in range(n_stretches)]
    return [(math.fsum(x for x, _ in one) / len(one), math.fsum(y for _, y in one) / len(one)) for one in cut]


def _draw(traces: Sequence[Trace], looks: Mapping[str, Look], named: tuple[str, str]) -> str:
    arms = list(dict.fromkeys(one.arm for one in traces if one.losses))
    names = {arm: short(arm, _NAME) for arm in arms} if len(arms) <= MOST_NAMES else {}
    right = 24 + max((width(text, SMALL) for text in names.values()), default=0.0)
    with canvas(_PLOT + 66, top=24, bottom=42, right=right) as sheet:
        _axes(sheet, traces)
        for one in traces:
            _run(sheet, one, looks[one.arm], faint=len(traces) > MOST_NAMES)
        ends = {}
        for arm in arms:
            ends[arm] = _arm(sheet, [one for one in traces if one.arm == arm and one.losses], looks[arm])
        if names:
            _names(sheet, ends, names, looks)
        words = [(f"{one.arm}, seed {one.seed}", numbers.value(one.whole[-1][1])) for one in traces if one.losses]
        return sheet.svg(*named, joined("Last losses:", listed(words)))


def _axes(sheet: Canvas, traces: Sequence[Trace]) -> None:
    from matplotlib.ticker import NullLocator

    every = [loss for one in traces for _, loss in one.losses]
    low, high = around(every, 0.06)
    steps = [step for one in traces for step, _ in one.losses]
    first, last = min(steps), max([*steps, min(steps) + 1])
    sheet.axes.set_xlim(first, last)
    if min(every) > 0 and max(every) > 20 * statistics.median(every):
        # A run that blew up would press all others flat.
        sheet.axes.set_yscale("log")
        low, high = min(every) / 1.2, max(every) * 1.2
        places = _powers(low, high)
        sheet.axes.yaxis.set_minor_locator(NullLocator())
    else:
        places = ticks(low, high, "score")
    sheet.axes.set_ylim(low, high)
    sheet.ticks_beside(places)
    whole = [(x, text) for x, text in ticks(first, last, "score", sheet.wide) if x == int(x)]
    sheet.ticks_below(whole, grid=False)
    sheet.name_above("loss")
    sheet.name_below("step")


def _powers(low: float, high: float) -> list[tuple[float, str]]:
    """Return the powers of ten within a range with their words, eight at most."""
    exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    shown = exponents[:: -(-len(exponents) // 8) or 1]
    return [(10.0**k, f"{10.0**k:,.10g}" if -4 <= k < 6 else f"1e{k}".replace("-", "−")) for k in shown]


def _run(sheet: Canvas, one: Trace, look: Look, *, faint: bool) -> None:
    if not one.losses:
        return
    last, loss = one.whole[-1]
    seed = "" if one.seed is None else f"seed {one.seed}: "
    tip = f"{label(one.arm, 80)}\n{seed}loss {numbers.value(loss)} at step {numbers.count(last)}"
    xs, ys = zip(*one.losses, strict=True)
    sheet.line(xs, ys, look.colour, tip, lw=0.8, alpha=0.14 if faint else 0.35, zorder=2, clip_on=False)


def _arm(sheet: Canvas, traces: Sequence[Trace], look: Look) -> float:
    """Draw an arm's mean over its runs; return where it ends."""
    mean = smoothed([one.whole for one in traces])
    if len(mean) < 2:
        return math.fsum(one.whole[-1][1] for one in traces) / len(traces)
    xs, ys = zip(*mean, strict=True)
    n = f"mean of {len(traces)} run{'' if len(traces) == 1 else 's'}"
    tip = f"{label(traces[0].arm, 80)}\n{n}, at last {numbers.value(ys[-1])}"
    sheet.line(xs, ys, look.colour, tip, lw=1.8, alpha=0.4 + 0.6 * look.fill, zorder=3, clip_on=False)
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


def _note(view: View, step: str, every: Sequence[str], traces: Sequence[Trace], drawn: bool) -> str:
    parts = [] if drawn else ["No loss is a number that can be drawn."]
    if len(every) > MOST_ARMS:
        parts.append(f"The first {MOST_ARMS} of {len(every)} arms are drawn.")
    if drawn and len(every) > MOST_NAMES:
        parts.append("The lines say their arms' names when pointed at.")
    lost = [one for one in traces if one.n_lost]
    if lost:
        where = certainty.listed(list(dict.fromkeys(one.arm for one in lost)))
        parts.append(f"{numbers.count(sum(one.n_lost for one in lost))} logged losses were not finite, in {where}.")
    silent = sum(not t.losses and t.step == step for t in view.findings.trainings)
    return " ".join([*parts, f"{silent} runs logged no loss."] if silent else parts)
