"""All arms and all metrics at once: each change in its own unit, coloured by how large it is for its metric.

A change is measured in margins where the metric has one, else in half-widths of its own 95 % interval. Bold is only
what was shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from leaven.comparison import Comparison
from leaven.report import numbers, svg
from leaven.report.certainty import is_shown
from leaven.report.charts import told
from leaven.report.charts.cells import Patch, cells
from leaven.report.charts.chart import HUGE, Chart
from leaven.report.charts.view import View
from leaven.report.curves import bounds
from leaven.report.findings import Findings
from leaven.report.means import Column, columns
from leaven.report.text import label
from leaven.stats.families import margin_of

MOST_ROWS, MOST_HEADS = 40, 7
FULL = 3.0  # margins, or half-widths, at which a colour is full


def standardised(findings: Findings, c: Comparison) -> tuple[float, str] | None:
    """Return how large a change is, and in which unit: margins, else half-widths of its interval; None without."""
    if not numbers.is_number(c.effect):
        return None
    margin = margin_of(findings.margin, c.suite, c.metric)
    if margin:
        return c.effect / margin, "margins"
    both = bounds(c)
    half = (both[1] - both[0]) / 2 if both is not None else 0.0
    return (c.effect / half, "half-widths") if half > 0 else None


def heat_chart(view: View, name: str, *, left_out: int = 0) -> Chart | None:
    """Draw arms x metrics, the longer side as rows; None where there are not two comparisons to set side by side.

    ``left_out`` metrics have no chart of their own, which is said here.
    """
    compared = {column: view.contrasts(column) for column in columns(view.findings, view.found)}
    over = [column for column, one in compared.items() if one]
    every = [arm for arm in view.looks if any(arm in one for one in compared.values())]
    if len(every) * len(over) < 2:
        return None
    tall = len(every) >= len(over)
    kept_arms, kept = every[: MOST_ROWS if tall else MOST_HEADS], over[: MOST_HEADS if tall else MOST_ROWS]
    patches = [[_patch(view, column, compared[column].get(arm)) for column in kept] for arm in kept_arms]
    names, heads = list(kept_arms), [told.metric(view.findings, column) for column in kept]
    if not tall:
        names, heads, patches = heads, names, [list(one) for one in zip(*patches, strict=True)]
    title, words = (
        "all changes, arms and metrics",
        _words([c for one in kept for c in compared[one].values()], kept_arms),
    )
    with cells(names, heads, patches) as sheet:
        drawn = sheet.svg(name, title, words)
    note = _note((len(kept_arms), len(every)), (len(kept), len(over)), left_out)
    return Chart(name, "heat", title, words, drawn, _legend(view, kept), note)


def _patch(view: View, column: Column, c: Comparison | None) -> Patch:
    if c is None:
        return Patch("–")
    metric, about = told.metric(view.findings, column), view.findings.metric(column.suite, column.metric)
    if not numbers.is_number(c.effect) or abs(c.effect) > HUGE:
        why = f": {label(c.note, 200)}" if c.note else ""
        return Patch("–", tip=f"{label(c.arm, 80)}\n{metric}: not compared{why}")
    size = standardised(view.findings, c)
    tip = [label(c.arm, 80), f"{metric}: {numbers.change(c.effect, about.unit)}"]
    if size is not None:
        tip.append(f"{abs(size[0]):.1f} {size[1]}{_way(c.effect, about.better)}")
    return Patch(
        text=_brief(c.effect, about.unit),
        colour={" better": svg.BETTER, " worse": svg.WORSE}.get(_way(c.effect, about.better), svg.OTHER),
        strength=abs(size[0]) / FULL if size is not None else 0.0,
        bold=is_shown(c),
        tip="\n".join([*tip, *told.compared(view.findings, c)[1:]]),
    )


def _way(effect: float, better: str | None) -> str:
    """Say which way a change goes, where there is a better one."""
    if better not in ("higher", "lower") or not effect:
        return ""
    return " better" if (effect > 0) == (better == "higher") else " worse"


def _brief(effect: float, unit: str) -> str:
    """Write a change with two digits, for a narrow cell; whoever points at it reads them all."""
    scaled = 100 * effect if unit == "share" else effect
    if not scaled or not 1e-4 <= abs(scaled) < 1e5:
        return f"{scaled:+.1g}".replace("-", "−") if scaled else "0"
    digits = max(0, (1 if abs(scaled) >= 0.01 else 0) - math.floor(math.log10(abs(scaled))))
    return f"{scaled:+,.{digits}f}".replace("-", "−")


def _words(every: Sequence[Comparison], kept: Sequence[str]) -> str:
    listed = [c for c in every if c.arm in kept]
    return f"{sum(map(is_shown, listed))} of {len(listed)} changes were shown; only these are bold."


def _legend(view: View, kept: Sequence[Column]) -> list[tuple[str, str]]:
    ways = {view.findings.metric(column.suite, column.metric).better for column in kept}
    scaled = [margin_of(view.findings.margin, column.suite, column.metric) for column in kept]
    units = (["margins"] if any(scaled) else []) + ([] if all(scaled) else ["half-widths of its interval"])
    entries = [("better", "better"), ("worse", "worse")] if ways & {"higher", "lower"} else []
    entries += [("shift", "a change that is neither")] if ways - {"higher", "lower"} else []
    return [*entries, ("shown", f"full colour: {FULL:g} {' or '.join(units)} or more; bold: shown")]


def _note(arms: tuple[int, int], metrics: tuple[int, int], left_out: int) -> str:
    parts = [f"{n} of {whole} {what}" for (n, whole), what in ((arms, "arms"), (metrics, "metrics")) if n < whole]
    drawn = f"Drawn are the first {' and '.join(parts)}; the table has them all." if parts else ""
    alone = f"{left_out} metrics have no charts of their own on this page." if left_out else ""
    return told.joined(drawn, alone)
