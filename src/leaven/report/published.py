"""Published numbers beside the run's own: of other models, data and items, so that directions alone may be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import is_named
from leaven.report.findings import ArmInfo, Findings, Reference
from leaven.report.means import Column, Mean, Means
from leaven.report.tables import Cell, Grid, Head, Line
from leaven.report.text import clip

WARNING = (
    "In each cell: the published value with its published change; below it the value of this run, and its own change."
    " Model, data and items of this run are others than theirs: levels cannot be compared, only the directions of"
    " changes."
)
_SAID = re.compile(r"^published:\s+", re.IGNORECASE)  # every format says so before the title
SAME, OPPOSITE, OPEN = "✓", "✗", "?"


@dataclass(frozen=True)
class Entry:
    """One published value with its change, in the source's unit, beside the arm of this run that it stands for.

    ``ours`` is that arm's comparison with its baseline, None where nobody made one.
    """

    row: str
    arm: str | None
    column: Column
    value: float | None
    change: float | None
    mean: float | None = None
    ours: Comparison | None = None
    mark: str = ""


def published(findings: Findings, found: Means) -> list[Grid]:
    """Return one table per reference: its rows and columns, each cell with the published and the own value."""
    return [_grid(findings, found, reference) for reference in findings.references]


def entries(findings: Findings, found: Means, reference: Reference) -> Iterator[Entry]:
    """Yield every cell of a published table, row by row."""
    base = reference.rows.get(baseline_row(findings, reference), ())
    compared = {(c.arm, Column(c.suite, c.metric, c.group)): c for c in findings.comparisons if c.kind == "difference"}
    for row, values in reference.rows.items():
        arm = reference.arms.get(row)
        for place, (suite, metric, group, _) in enumerate(reference.columns):
            column = Column(suite, metric, group)
            value, other = _at(values, place), _at(base, place) if values is not base else None
            change = value - other if value is not None and other is not None else None
            mean, ours = found.get((arm or "", column), Mean()).value, compared.get((arm or "", column))
            yield Entry(row, arm, column, value, change, mean, ours, _mark(findings, change, ours))


def baseline_row(findings: Findings, reference: Reference) -> str:
    """Return the row that a published table's changes are from."""
    stands = [row for row in reference.rows if reference.arms.get(row) in findings.baselines]
    return reference.baseline or next(iter([*stands, *reference.rows]), "")


def _at(values: Sequence[float | None], place: int) -> float | None:
    value = values[place] if place < len(values) else None
    return value if numbers.is_number(value) else None


def _mark(findings: Findings, change: float | None, ours: Comparison | None) -> str:
    """Say whether a published change goes the way of the run's own; one that was not shown goes no way."""
    if not change or ours is None or not numbers.is_number(ours.effect):
        return ""
    if not is_named(findings, ours) or ours.effect == 0:
        return OPEN
    return SAME if (change > 0) == (ours.effect > 0) else OPPOSITE


def agreement(every: Sequence[Entry]) -> str:
    """Say in a sentence how many published changes have the direction of those shown here."""
    marks = Counter(one.mark for one in every if one.mark)
    n = sum(marks.values())
    if not n:
        return "None of the published changes can be set against a change of this run."
    return (
        f"Of {n} published changes that this run measured too, {marks[SAME]} have the direction of a change shown here,"
        f" {marks[OPPOSITE]} the opposite one, and for {marks[OPEN]} no change was shown here."
    )


def _grid(findings: Findings, found: Means, reference: Reference) -> Grid:
    every = list(entries(findings, found, reference))
    digits = [_digits(reference, place) for place in range(len(reference.columns))]
    width = len(reference.columns)
    lines = []
    for place, row in enumerate(reference.rows):
        here = every[place * width : (place + 1) * width]
        cells = [_cell(findings, one, n) for one, n in zip(here, digits, strict=True)]
        lines.append(Line(ArmInfo(row), f"here {reference.arms[row]}" if row in reference.arms else "", cells))
    said = [WARNING, agreement(every), f"Source: {clip(reference.source, 300).rstrip('.')}.",
            clip(reference.note, 800)]  # fmt: skip
    heads = [_head(findings, column) for column in reference.columns]
    return Grid(_SAID.sub("", reference.title), heads, lines, " ".join(filter(None, said)), kind="published")


def _head(findings: Findings, column: tuple[str, str, str | None, str]) -> Head:
    suite, metric, group, name = column
    better = findings.metric(suite, metric).better or ""
    direction = {"higher": "↑ higher is better", "lower": "↓ lower is better"}.get(better, "")
    here = f"here {suite} {metric}{f', {group}' if group else ''}"
    return Head(name, "", direction if group is None else "", here if group is None else "", False)


def _digits(reference: Reference, place: int) -> int:
    """Return with how many decimals a column was published, as far as its numbers tell."""
    there = [value for values in reference.rows.values() if (value := _at(values, place)) is not None]
    return max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in there), default=0)


def _cell(findings: Findings, one: Entry, digits: int) -> Cell:
    if one.value is None:
        return Cell("–")
    change = f" ({_signed(one.change, digits)})" if one.change is not None else ""
    value = f"{one.value:.{digits}f}".replace("-", "−") + change
    unit = findings.metric(one.column.suite, one.column.metric).unit
    if one.arm is None or one.mean is None:
        return Cell(value, note="no such arm here" if one.arm is None else "not measured here", sort=one.value)
    ours, here = one.ours, f"here {numbers.value(one.mean, unit)}"
    if ours is None or not numbers.is_number(ours.effect):
        return Cell(value, change=here, sort=one.value)
    own = f"{here}, {numbers.bare_change(ours.effect, unit)}"
    return Cell(value, change=own, interval=_interval(ours, unit), marks=one.mark, sort=one.value)


def _interval(ours: Comparison, unit: str) -> str:
    bounds = numbers.interval(ours.low, ours.high, unit)
    return f"[{bounds}]" if bounds else "no interval"


def _signed(change: float, digits: int) -> str:
    made = f"{change:+.{digits}f}"
    return made.replace("-", "−") if made.strip("+-0.") else f"{0:.{digits}f}"
