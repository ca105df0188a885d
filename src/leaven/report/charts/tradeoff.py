"""What one metric costs in another: arms as points between the two, and the front of those that no other arm beats."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report import certainty, numbers, svg
from leaven.report.certainty import is_shown
from leaven.report.charts import told
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.chart import MANY, NOT_DRAWN, Chart, drawable
from leaven.report.charts.labels import Label, placed
from leaven.report.charts.scale import SMALL, around, short, ticks, width
from leaven.report.charts.view import View
from leaven.report.curves import placed as bar
from leaven.report.means import Column, arms, columns
from leaven.report.text import label

MOST = 3
MOST_NAMES = 14  # beyond this only the front and the baseline are named in the picture
_PLOT = 250.0


@dataclass(frozen=True)
class Ways:
    """Which way is better: 1 where it is as usual (``cost`` lower, ``gain`` higher), −1 where it is the other."""

    cost: int = 1
    gain: int = 1


@dataclass(frozen=True)
class Spot:
    """One arm between two metrics: ``cost`` stands across, and is usually better lower; ``gain`` up, better higher."""

    arm: str
    cost: float
    gain: float
    cost_bar: tuple[float, float] | None = None
    gain_bar: tuple[float, float] | None = None


def pairs(view: View) -> list[tuple[Column, Column]]:
    """Return which metrics are set against each other: (lower is better, higher is better), the primary ones first."""
    measured = {column for (_, column), mean in view.found.items() if mean.value is not None}
    every = [column for column in columns(view.findings, view.found) if column in measured]
    better = {column: view.findings.metric(column.suite, column.metric).better for column in every}
    costs = [column for column in every if better[column] == "lower"][:2]
    gains = [column for column in every if better[column] == "higher"][:2]
    return [pair for pair in itertools.product(costs, gains) if len(_spots(view, pair)) > 1][:MOST]


def declared(view: View) -> tuple[Column, Column] | None:
    """Return the pair that the findings name, as ``pairs`` does, or None where it cannot be drawn."""
    named = view.findings.tradeoff
    if named is None:
        return None
    pair = (Column(*named[1]), Column(*named[0]))
    directed = all(view.findings.metric(*column[:2]).better in ("higher", "lower") for column in pair)
    return pair if directed and len(_spots(view, pair)) > 1 else None


def ways(view: View, pair: tuple[Column, Column]) -> Ways:
    """Return which way each of a pair is better."""
    cost, gain = (view.findings.metric(*column[:2]).better for column in pair)
    return Ways(-1 if cost == "higher" else 1, -1 if gain == "lower" else 1)


_USUAL = Ways()


def front(spots: Sequence[Spot], ways: Ways = _USUAL) -> list[Spot]:
    """Return the arms that no other arm beats in both metrics, by what they cost; equals stay together."""
    at = {id(one): (ways.cost * one.cost, ways.gain * one.gain) for one in spots}

    def beaten(a: Spot) -> bool:
        cost, gain = at[id(a)]
        return any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in at.values())

    return sorted((a for a in spots if not beaten(a)), key=lambda a: at[id(a)])


def tradeoff_chart(view: View, pair: tuple[Column, Column], name: str) -> Chart:
    """Draw all arms between two metrics, with the front of those that no other arm beats in both."""
    spots, better = _spots(view, pair), ways(view, pair)
    best = front(spots, better)
    title = f"{told.metric(view.findings, pair[1])} against {told.metric(view.findings, pair[0])}"
    bars = [x for one in spots for both in (one.cost_bar, one.gain_bar) for x in both or ()]
    drawn = drawable([*(x for one in spots for x in (one.cost, one.gain)), *bars])
    picture, unnamed = _draw(view, pair, spots, (name, title)) if drawn else ("", [])
    return Chart(
        name=name,
        kind="tradeoff",
        title=title,
        description=f"Best is {_corner(better)}. {_front_words(best)}" if spots else "",
        svg=picture,
        legend=_legend(view, spots) if drawn else [],
        note=_note(view, spots, unnamed) if drawn else NOT_DRAWN,
        metric=pair[0].metric,
        suite=pair[0].suite,
    )


def _corner(better: Ways) -> str:
    return f"{'up' if better.gain > 0 else 'down'} and to the {'left' if better.cost > 0 else 'right'}"


def _front_words(best: Sequence[Spot]) -> str:
    verb = "is" if len(best) == 1 else "are"
    names = certainty.listed([one.arm for one in best], 6)
    return f"By their means {names} {verb} beaten by no other arm in both. Arms whose bars overlap may not differ."


def _spots(view: View, pair: tuple[Column, Column]) -> list[Spot]:
    compared = [view.contrasts(column) for column in pair]
    made = []
    for arm in arms(view.findings, view.found):
        values = [mean.value for column in pair if (mean := view.found.get((arm.name, column))) is not None]
        cost, gain = values if len(values) == 2 else (None, None)
        if cost is not None and gain is not None:
            made.append(
                Spot(
                    arm.name,
                    cost,
                    gain,
                    *(bar(one.get(arm.name), view.unit(column)) for one, column in zip(compared, pair, strict=True)),
                )
            )
    return made


# Drawing


def _draw(
    view: View, pair: tuple[Column, Column], spots: Sequence[Spot], named: tuple[str, str]
) -> tuple[str, list[str]]:
    """Return the picture, and the arms whose names found no place in it."""
    units = [view.unit(column) for column in pair]
    best = front(spots, ways(view, pair))
    with canvas(_PLOT + 66, top=24, bottom=42, right=14) as sheet:
        x = _range([(one.cost, one.cost_bar) for one in spots], units[0])
        y = _range([(one.gain, one.gain_bar) for one in spots], units[1])
        sheet.axes.set_xlim(*x)
        sheet.axes.set_ylim(*y)
        sheet.ticks_beside(ticks(*y, units[1]))
        sheet.ticks_below(ticks(*x, units[0], sheet.wide))
        sheet.name_above(f"↑ {told.named(view.findings, pair[1])}")
        sheet.name_below(told.named(view.findings, pair[0]))
        _stairs(sheet, best, ways(view, pair))
        for one in spots:
            _spot(sheet, view, pair, one, crowded=len(spots) > MANY)
        unnamed = _names(sheet, view, spots, best)
        words = [(one.arm, " and ".join(map(numbers.value, (one.cost, one.gain), units))) for one in spots]
        return sheet.svg(*named, told.joined(told.listed(words), _front_words(best))), unnamed


def _range(values: Sequence[tuple[float, tuple[float, float] | None]], unit: str) -> tuple[float, float]:
    means = [mean for mean, _ in values]
    every = [*means, *(x for _, both in values for x in both or ())]
    share = unit == "share" and all(0 <= x <= 1 for x in means)
    return around([min(max(x, 0.0), 1.0) for x in every] if share else every, 0.09)


def _stairs(sheet: Canvas, best: Sequence[Spot], better: Ways) -> None:
    """Draw the front as stairs: what lies behind them, away from the best corner, is beaten."""
    left, right = sheet.axes.get_xlim()
    low, high = sheet.axes.get_ylim()
    far, floor = right if better.cost > 0 else left, low if better.gain > 0 else high
    xs, ys = [best[0].cost], [floor]
    for one, after in itertools.zip_longest(best, best[1:]):
        xs += [one.cost, after.cost if after is not None else far]
        ys += [one.gain, one.gain]
    sheet.axes.fill_between(xs, ys, floor, color=svg.BAND, alpha=0.28, lw=0, zorder=0.4)
    sheet.line(xs, ys, svg.OTHER, lw=1.2, zorder=1.5)


def _spot(sheet: Canvas, view: View, pair: tuple[Column, Column], one: Spot, *, crowded: bool) -> None:
    look, lines = view.looks[one.arm], []
    for column, value in zip(pair, (one.cost, one.gain), strict=True):
        c = view.contrasts(column).get(one.arm)
        shown = " (change shown)" if c is not None and is_shown(c) else ""
        unit = view.unit(column)
        change = f", {numbers.change(c.effect, unit)}{shown}" if c is not None and numbers.is_number(c.effect) else ""
        lines.append(f"{told.metric(view.findings, column)}: {numbers.value(value, unit)}{change}")
    tip = "\n".join([label(one.arm, 80), *lines])
    if one.cost_bar is not None and not crowded:
        sheet.line(one.cost_bar, [one.gain] * 2, look.colour, tip, lw=1.1, alpha=0.55)
    if one.gain_bar is not None and not crowded:
        sheet.line([one.cost] * 2, one.gain_bar, look.colour, tip, lw=1.1, alpha=0.55)
    sheet.point(one.cost, one.gain, look, tip, size=5.5 if crowded else 8)


def _names(sheet: Canvas, view: View, spots: Sequence[Spot], best: Sequence[Spot]) -> list[str]:
    """Write names beside the points, where they cover no other point and no other name; return who got none."""
    kept = {one.arm for one in best} | view.findings.baselines
    (x0, x1), (y0, y1) = sheet.axes.get_xlim(), sheet.axes.get_ylim()
    wide, high = sheet.wide, sheet.high
    at = {one.arm: ((one.cost - x0) / (x1 - x0) * wide, (one.gain - y0) / (y1 - y0) * high) for one in spots}
    ordered = sorted(spots, key=lambda one: one.arm not in kept)
    words = {one.arm: short(one.arm, 20) for one in ordered if len(spots) <= MOST_NAMES or one.arm in kept}
    written: set[str] = set()
    asked = [Label(*at[arm], width(text, SMALL), SMALL + 2) for arm, text in words.items()]
    for (arm, text), shift in zip(words.items(), placed(asked, list(at.values()), (wide, high)), strict=True):
        if shift is not None:
            spot = next(one for one in spots if one.arm == arm)
            sheet.text(spot.cost, spot.gain, text, dx=shift[0], dy=shift[1], ha="left", halo=True)
            written.add(arm)
    return [one.arm for one in spots if one.arm not in written]


def _legend(view: View, spots: Sequence[Spot]) -> list[tuple[str, str]]:
    entries = [("front", "front: no other arm is better in both")]
    if len(spots) <= MANY and any(one.cost_bar or one.gain_bar for one in spots):
        entries.append(("bar", f"95{numbers.NBSP}% interval of the difference to the baseline"))
    keys = {view.looks[one.arm].key for one in spots}
    entries += [("square", f"baseline {label(view.findings.baseline, 40)}")] if "square" in keys else []
    return entries + ([("diamond", "A/A arm")] if "diamond" in keys else [])


def _note(view: View, spots: Sequence[Spot], unnamed: Sequence[str]) -> str:
    lacking = len(arms(view.findings, view.found)) - len(spots)
    parts = [f"{lacking} of {lacking + len(spots)} arms lack one of the two metrics."] if lacking else []
    if len(spots) > MANY:
        parts.append(f"Intervals are left out, as there are more than {MANY} arms.")
    if unnamed:
        parts.append(f"No room for the names of {len(unnamed)} of the arms: they say it when pointed at.")
    return " ".join(parts)
