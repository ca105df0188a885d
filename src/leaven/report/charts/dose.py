"""A metric over doses: the chart with its words. ``dose_picture`` draws it."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.charts import told
from leaven.report.charts.chart import MANY, NOT_DRAWN, Chart, drawable
from leaven.report.charts.dose_picture import Picture, brief, draw
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import short
from leaven.report.charts.view import View
from leaven.report.curves import dose_curve
from leaven.report.fits import FitLine, fit_lines, realised
from leaven.report.means import Column, arms
from leaven.report.text import label

MOST_KEYS = 6  # sweeps that are named in the picture; the legend has all


def dose_chart(view: View, column: Column, name: str) -> Chart:
    """Draw a metric over the doses of every sweep; arms without a dose stand apart on the right."""
    findings = view.findings
    curve = dose_curve(findings, view.found, column)
    lines = fit_lines(findings, column, {p.arm: p.place for p in curve.points})
    picture = Picture(view, column, curve, lines, realised(findings, column))
    title = f"{told.metric(findings, column)} over {curve.axis}"
    drawn = _is_drawable(picture)
    said = _tolerance(picture)
    words = [(p.arm, numbers.value(p.mean, curve.about.unit)) for p in curve.points]
    in_words = told.joined(told.listed(words), said)
    return Chart(
        name=name,
        kind="dose",
        title=title,
        description=told.joined(told.about(findings, column), said),
        svg=draw(picture, _keys(picture), (name, title, in_words)) if drawn else "",
        legend=_legend(picture) if drawn else [],
        note=told.joined(_note(lines), _left_out(picture)) if drawn else NOT_DRAWN,
        metric=column.metric,
        suite=column.suite,
    )


def _is_drawable(picture: Picture) -> bool:
    points, lines = picture.curve.points, picture.lines
    values = [x for p in points for x in (p.mean, p.effect, p.low, p.high, *p.by_seed)]
    fitted = [x for line in lines for _, *drawn in line.line for x in drawn]
    fitted += [y for line in lines for _, y in line.steps]
    return any(p.mean is not None for p in points) and drawable([*values, *fitted])


def _keys(picture: Picture) -> list[tuple[str, Look | None]]:
    """Return lines for every sweep, where there are several or a margin: its name, and what stays within the margin."""
    by_series = {line.series: line for line in picture.lines if line.fit.margin is not None}
    every = picture.series
    if len(every) < 2 and not by_series:
        return []
    made: list[tuple[str, Look | None]] = []
    for one in every[:MOST_KEYS]:
        line = by_series.get(one)
        whose = short(one or (line.fit.sweep if line is not None else picture.curve.axis), 20 if line is None else 16)
        tested, by_curve = ("", "") if line is None else _shown_within(line, "within the margin")
        made.append((f"{whose}: {tested}" if tested else whose, picture.look(one)))
        made += [(by_curve, None)] if by_curve else []
    return made


def _shown_within(line: FitLine, where: str) -> tuple[str, str]:
    """Say up to which dose a sweep is shown to stay within its margin: as tested, and by the curve (or nothing).

    That none was shown is no property of the sweep: it may be for want of runs.
    """
    said = {one.is_tested: brief(one) for one in line.tolerated}
    tested = f"shown {where} up to {said[True]} (tested)" if True in said else f"no tested dose shown {where}"
    return tested, f"by the curve up to {said[False]}" if False in said else ""


def _tolerance(picture: Picture) -> str:
    """Say in a sentence which doses are tolerated, where there is a margin to hold them to."""
    held = [line for line in picture.lines if line.fit.margin is not None]
    said = []
    for line in held[:MOST_KEYS]:
        within = f"within the margin of ±{numbers.size(line.fit.margin or 0.0, picture.curve.about.unit)}"
        parts = "; ".join(filter(None, _shown_within(line, within)))
        said.append(f"{label(line.fit.sweep, 60)}: {parts}.")
    return " ".join(said)


def _legend(picture: Picture) -> list[tuple[str, str]]:
    curve, lines = picture.curve, picture.lines
    roles = {p.role for p in curve.points if p.mean is not None}
    entries = [(picture.look(one).key, f"mean of {label(one, 40) or curve.axis}") for one in picture.series]
    entries += [("seed", "one training run")] if any(p.by_seed for p in curve.points) and not picture.is_crowded else []
    if any(p.low is not None for p in curve.points):
        entries.append(("bar", f"95{numbers.NBSP}% interval of the difference to the baseline"))
    entries += [("square", f"baseline {curve.baseline}")] if "baseline" in roles else []
    entries += [("diamond", "A/A arm: the baseline again, with other seeds")] if "A/A" in roles else []
    for model in dict.fromkeys(line.fit.model for line in lines if line.line):
        band = any(line.has_band for line in lines if line.fit.model == model)
        entries.append(("fit", f"{label(model)} fit" + (f" with its 95{numbers.NBSP}% band" if band else "")))
    entries += [("dashed", "monotone fit, without a band")] if any(line.steps for line in lines) else []
    if curve.baseline_mean is not None and curve.margin:
        entries.append(("band", f"margin of ±{numbers.size(curve.margin, curve.about.unit)}"))
    flags = [("mark", "within the margin up to here: ▼ as tested, ▽ by the curve")]
    return entries + (flags if any(line.tolerated for line in lines) else [])


def _note(lines: Sequence[FitLine]) -> str:
    """Say what the fits could not do."""
    return " ".join(f"{label(line.fit.sweep, 60)}: {label(line.fit.note, 300)}." for line in lines if line.fit.note)


def _left_out(picture: Picture) -> str:
    n = len(arms(picture.view.findings, picture.view.found)) - len(picture.curve.points)
    return told.joined(
        f"{n} more arms without a dose are not drawn here." if n > 0 else "",
        f"Single runs are left out, as there are more than {MANY} arms." if picture.is_crowded else "",
    )
