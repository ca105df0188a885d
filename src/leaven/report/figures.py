"""Charts: a metric over doses, or the arms' differences where there are no doses; each with its legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report import numbers, svg
from leaven.report.curves import Curve, dose_curve, forest, has_doses
from leaven.report.findings import Findings
from leaven.report.means import Column, Means
from leaven.report.plots import dose_plot, forest_plot
from leaven.report.text import clip

HUGE = 1e15  # beyond this a chart shows nothing but its axis


@dataclass(frozen=True)
class Chart:
    """One drawn metric with what the reader needs beside it; ``svg`` is None where there was nothing to draw."""

    metric: str
    suite: str
    description: str
    svg: str | None
    legend: Sequence[tuple[str, str]]


def chart(findings: Findings, found: Means, column: Column, name: str) -> Chart:
    """Draw one metric: over doses if the study has any, else as differences to the baseline."""
    over_doses = has_doses(findings)
    curve = (dose_curve if over_doses else forest)(findings, found, column)
    drawn = _drawable(curve, over_doses)
    picture = (dose_plot if over_doses else forest_plot)(curve, name) if drawn else None
    legend = (_dose_legend if over_doses else _forest_legend)(curve) if drawn else []
    several = len({m.suite for m in findings.metrics if m.name == column.metric}) > 1
    metric = f"{column.metric} ({column.suite})" if several else column.metric
    return Chart(metric, column.suite, curve.about.description, picture, legend)


def _drawable(curve: Curve, over_doses: bool) -> bool:
    """Say whether there is anything to draw, and nothing too large for an axis."""
    values = [p.mean if over_doses else p.effect for p in curve.points]
    every = [x for p in curve.points for x in (p.mean, p.effect, p.low, p.high, *p.by_seed) if x is not None]
    return any(x is not None for x in values) and all(math.isfinite(x) and abs(x) < HUGE for x in every)


def _dose_legend(curve: Curve) -> list[tuple[str, str]]:
    roles = {p.role for p in curve.points if p.mean is not None}
    series = list(dict.fromkeys(p.series for p in curve.points if p.role == "dose"))
    entries = [("seed", "one seed")] if any(p.by_seed for p in curve.points) else []
    entries += [(f"s{place % len(svg.SERIES) + 1}", f"mean of {clip(one, 30)}") for place, one in enumerate(series)]
    if any(p.low is not None for p in curve.points):
        entries.append(("bar", "95 % interval of the difference to the baseline"))
    entries += [("square", f"baseline {curve.baseline}")] if "baseline" in roles else []
    entries += [("diamond", "A/A arm: the baseline again, with other seeds")] if "A/A" in roles else []
    return entries + (_band(curve) if curve.baseline_mean is not None else [])


def _forest_legend(curve: Curve) -> list[tuple[str, str]]:
    entries = [("s1", f"difference to {curve.baseline}")]
    entries += [("bar", "95 % interval")] if any(p.low is not None for p in curve.points) else []
    entries += [("diamond", "A/A arm")] if any(p.role == "A/A" for p in curve.points) else []
    return entries + _band(curve)


def _band(curve: Curve) -> list[tuple[str, str]]:
    return [("band", f"margin of ±{numbers.size(curve.margin, curve.about.unit)}")] if curve.margin else []
