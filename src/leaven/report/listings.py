"""Plain tables, and the lists of trends and contrasts with what each one shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison, is_trend
from leaven.report import numbers
from leaven.report.certainty import corrected_p, is_shown, unit_of
from leaven.report.findings import Findings
from leaven.report.fitted import dose_range, lacking
from leaven.report.means import Means
from leaven.report.text import clip


@dataclass(frozen=True)
class Table:
    """A plain table; ``numeric`` holds the columns that are set flush right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    note: str = ""


def trends(findings: Findings, found: Means) -> Table | None:
    """Return the trends over the doses that were fitted, primary ones first, or None when there are none."""
    listed = sorted((c for c in findings.comparisons if is_trend(c)), key=lambda c: c.family != "primary")
    name = findings.dose_name or "dose"
    heads = ["sweep", "outcome", "reading", f"per unit of {name}", "95 % interval", "over the doses", "p-value",
             "corrected", "seeds"]  # fmt: skip
    rows = [_trend_row(findings, found, c) for c in listed]
    note = "Corrected: by Holm's method in the primary family, by Benjamini and Hochberg's in the exploratory one."
    return Table(heads, rows, frozenset({3, 4, 5, 6, 7, 8}), note) if rows else None


def _trend_row(findings: Findings, found: Means, c: Comparison) -> list[str]:
    unit = unit_of(findings, c)
    spread = dose_range(c)
    over = "–"
    if numbers.is_number(c.effect) and spread is not None:
        change = numbers.change(c.effect * (spread[1] - spread[0]), unit)
        over = f"{change} over {numbers.dose(spread[0])} to {numbers.dose(spread[1])}"
    return [
        c.arm,
        _where(c),
        "; ".join([reading(c), *_lacking(findings, found, c)]),
        numbers.change(c.effect, unit),
        numbers.interval(c.low, c.high, unit) or "–",
        over,
        numbers.p_value(c.p),
        numbers.p_value(corrected_p(c)),
        str(c.n_seeds),
    ]


def _lacking(findings: Findings, found: Means, c: Comparison) -> list[str]:
    """Return which doses a trend lacks, but for those whose reason its note gives already."""
    return [said for said in lacking(findings, found, c) if said.partition(": ")[2] not in (c.note or "")]


def contrasts(findings: Findings, limit: int = 240) -> Table | None:
    """Return all contrasts with p values before and after correction, or None when there are none."""
    listed = sorted((c for c in findings.comparisons if not is_trend(c)), key=lambda c: c.family != "primary")
    heads = ["arm", "outcome", "difference", "95 % interval", "p-value", "corrected", "items", "seeds",
             "test", "reading"]  # fmt: skip
    left = len(listed) - limit
    note = f"{left:,} more comparisons are in comparisons.json." if left > 0 else ""
    rows = [_contrast_row(findings, c) for c in listed[:limit]]
    return Table(heads, rows, frozenset({2, 3, 4, 5, 6, 7}), note) if rows else None


def _contrast_row(findings: Findings, c: Comparison) -> list[str]:
    unit = unit_of(findings, c)
    return [
        c.arm,
        _where(c),
        numbers.change(c.effect, unit),
        numbers.interval(c.low, c.high, unit) or "–",
        numbers.p_value(c.p),
        numbers.p_value(corrected_p(c)),
        numbers.count(c.n_items),
        str(c.n_seeds),
        c.test,
        reading(c),
    ]


def _where(c: Comparison) -> str:
    metric = f"{clip(c.metric, 60)} ({clip(c.group, 60)})" if c.group else clip(c.metric, 60)
    return " · ".join([metric, c.suite, *(["primary"] if c.family == "primary" else [])])


def reading(c: Comparison) -> str:
    """Say in a few words what a comparison shows, with the note of how it was made."""
    tail = f"; {c.note}" if c.note else ""
    tail += f"; {c.n_dropped:,} pairs left out" if c.n_dropped else ""
    if not numbers.is_number(c.effect):
        return f"not compared{tail}"
    if c.n_seeds in (1, 2):
        return f"{'one seed: no winner is named' if c.n_seeds == 1 else 'two seeds: no claim about the recipe'}{tail}"
    if is_shown(c):
        return f"{'rises' if c.effect > 0 else 'falls'}{', within the margin' if c.equivalent else ''}{tail}"
    return f"{'no change within the margin' if c.equivalent else 'no change shown'}{tail}"
