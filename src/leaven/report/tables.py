"""The arms x metrics table as plain rows of text.

A mark says what survived the correction for many tests; the legend explains the marks that occur, and no others. A
single group's change is marked only where the groups are shown to differ at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from leaven.comparison import Comparison
from leaven.report import listings, numbers
from leaven.report.certainty import corrected_p, for_models, groups_tested, is_named
from leaven.report.empty import tells_nothing
from leaven.report.findings import ArmInfo, Findings, MetricInfo
from leaven.report.means import Column, Mean, Means, arms, columns, is_baseline, is_primary

MARKS = {
    "●": "primary outcome, change shown: p < 0.05 after Holm's correction",
    "○": "exploratory, change shown: p < 0.05 after Benjamini and Hochberg's correction",
    "≈": "equivalent: the 90 % interval lies within the declared margin; each is judged alone",
    "¹": "one seed: no winner is named",
    "²": "two seeds: nothing is claimed about the recipe",
    "§": "for these trained models only: no training run varied",
    "†": "some answers were not scored; the mean is over the others",
    "‡": "pairs with one side missing were left out of the difference",
    "⊘": "the value tells little of this arm: one value or one answer everywhere, or right as often as one answer is",
    "✓": "the direction that was published, shown here too",
    "✗": "the opposite of the direction that was published, shown here",
    "?": "no change was shown here, so there is no direction to compare",
}


@dataclass(frozen=True)
class Cell:
    """One arm's value of one metric, with its difference to the baseline.

    ``sort`` is the value as a number, null where not measured; ``p`` and ``p_corrected`` are written out, empty where
    nothing was compared. ``shown`` says whether a change may be named.
    """

    value: str
    change: str = ""
    interval: str = ""
    marks: str = ""
    tone: str = ""  # "better" | "worse" | "shift" where a change was shown, else empty
    note: str = ""
    sort: float | None = None
    p: str = ""
    p_corrected: str = ""
    shown: bool = False


@dataclass(frozen=True)
class Head:
    """A column's head: the metric, which way is better, and whether it is a primary outcome."""

    name: str
    description: str
    direction: str
    unit: str
    is_primary: bool


@dataclass(frozen=True)
class Line:
    """One arm's line of the table."""

    arm: ArmInfo
    role: str  # "baseline" | "A/A" | ""
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """Arms x metrics of one suite or of several, or arms x groups of one metric, with what is to be known of it."""

    title: str
    heads: Sequence[Head]
    lines: Sequence[Line]
    note: str = ""
    kind: str = "suite"  # "suite" | "groups" | "board" | "published"


def suites(findings: Findings, found: Means) -> list[tuple[Grid, list[Column]]]:
    """Return one arms x metrics table per suite, with its columns."""
    every = columns(findings, found)
    by_name = {name: [c for c in every if c.suite == name] for name in dict.fromkeys(c.suite for c in every)}
    return [(grid(findings, found, name, over), over) for name, over in by_name.items()]


def groups(findings: Findings, found: Means) -> list[tuple[tuple[str, str], Grid]]:
    """Return one arms x groups table per (suite, metric) that was measured in groups, with what it is of."""
    metrics = dict.fromkeys(column[:2] for column in in_groups(findings, found))
    return [(column, of_groups(findings, found, column, _title(findings, *column))) for column in metrics]


def in_groups(findings: Findings, found: Means) -> list[Column]:
    """Return every metric's groups, of what was measured or compared in groups."""
    only_printed = {(m.suite, m.name) for m in findings.metrics if m.beside}
    measured = [c for _, c in found if c.group is not None and (c.suite, c.metric) not in only_printed]
    compared = [Column(c.suite, c.metric, c.group) for c in findings.comparisons if c.group is not None]
    return list(dict.fromkeys([*measured, *compared]))


def of_groups(findings: Findings, found: Means, of: tuple[str, str], title: str, *, with_all: bool = False) -> Grid:
    """Return the arms x groups table of one (suite, metric); ``with_all`` puts the mean over all items first."""
    chosen = [column for column in in_groups(findings, found) if column[:2] == of]
    compared = any((c.suite, c.metric) == of and c.group is not None for c in findings.comparisons)
    over = [*([Column(*of)] if with_all else []), *chosen]
    made = grid(findings, found, title, over, _whether_groups_differ(findings, *of) if compared else "")
    first = [replace(made.heads[0], name="all groups")] if with_all else []
    return replace(made, heads=[*first, *made.heads[len(first) :]], kind="groups")


def _whether_groups_differ(findings: Findings, suite: str, metric: str) -> str:
    """Say whether single groups may be named: asked once over all arms and groups."""
    tested = groups_tested(findings, suite, metric)
    if tested is None:
        return "Whether groups differ at all was not tested: no single group is named."
    if tested.p is None:
        why = f" ({tested.note})" if tested.note else ""
        return f"Whether groups differ at all could not be tested{why}: no single group is named."
    p = tested.p if tested.p_holm is None else tested.p_holm
    how = "; ".join(filter(None, [_tested_how(p, tested.test), tested.note]))
    if tested.is_shown:
        return f"Groups differ in how arms change them ({how})."
    return f"Groups are not shown to differ ({how}): no single group is named."


def _tested_how(p: float, test: str) -> str:
    return f"{numbers.p_phrase(p)} after Holm's correction over metrics, {test}"


def grid(findings: Findings, found: Means, title: str, over: Sequence[Column], note: str = "") -> Grid:
    """Return all arms' values in some columns, with their differences to the baseline."""
    differences = [c for c in findings.comparisons if c.kind == "difference"]
    compared = {(c.arm, Column(c.suite, c.metric, c.group)): c for c in differences}
    lines = []
    for arm in arms(findings, found):
        cells = [
            _cell(
                findings,
                column,
                found.get((arm.name, column)),
                compared.get((arm.name, column)),
                _beside(findings, found, arm, column),
                is_empty=tells_nothing(findings, found, arm.name, column) is not None,
            )
            for column in over
        ]
        lines.append(Line(arm, role(findings, arm), cells))
    return Grid(title, [_head(findings, column) for column in over], lines, note)


def _title(findings: Findings, suite: str, metric: str) -> str:
    about = findings.metric(suite, metric)
    return f"{metric} ({suite}) by group{f', {about.better} is better' if about.better else ''}"


def role(findings: Findings, arm: ArmInfo) -> str:
    """Say what part an arm plays, if a special one."""
    return "baseline" if is_baseline(findings, arm) else "A/A" if findings.is_replicate(arm) else ""


def _head(findings: Findings, column: Column) -> Head:
    about = findings.metric(column.suite, column.metric)
    if column.group is not None:
        return Head(column.group, "", "", "", False)
    direction = {"higher": "↑ higher is better", "lower": "↓ lower is better"}.get(about.better or "", "")
    unit = "%, differences in points" if about.unit == "share" else "" if about.unit == "score" else about.unit
    return Head(column.metric, about.description, direction, unit, is_primary(findings, column))


def _cell(
    findings: Findings, column: Column, mean: Mean | None, c: Comparison | None, beside: str, *, is_empty: bool
) -> Cell:
    about = findings.metric(column.suite, column.metric)
    value = mean.value if mean is not None and mean.value is not None else c.mean if c is not None else None
    value = value if numbers.is_number(value) else None
    flags = "†" if mean is not None and mean.n_unscored and mean.value is not None else ""
    flags += "⊘" if is_empty else ""
    written = numbers.value(value, about.unit)
    if c is None or not numbers.is_number(c.effect):
        note = c.note or "not compared" if c is not None else ""
        return Cell(written, marks=flags, note=_joined(beside, note), sort=value)
    bounds = listings.bounds(c.low, c.high, about.unit)
    shown = is_named(findings, c)
    return Cell(
        value=written,
        change=numbers.bare_change(c.effect, about.unit),
        interval=f"[{bounds}]" if bounds else "no interval",
        marks=_marks(c, shown=shown) + flags,
        tone=_tone(c, about, shown=shown),
        note=_joined(beside, _within(c, about), "" if bounds else c.note or ""),
        sort=value,
        p=numbers.p_value(c.p) if numbers.is_number(c.p) else "",
        p_corrected=numbers.p_value(corrected_p(c)) if numbers.is_number(corrected_p(c)) else "",
        shown=shown,
    )


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _beside(findings: Findings, found: Means, arm: ArmInfo, column: Column) -> str:
    """Return what is printed beside a metric: ``rougeL_floor`` and ``rougeL_ceiling`` beside ``rougeL``."""
    said = []
    for about in findings.metrics:
        name = about.name.removeprefix(f"{column.metric}_")
        mean = found.get((arm.name, Column(about.suite, about.name, column.group)))
        if about.beside and about.suite == column.suite and name != about.name and mean and mean.value is not None:
            said.append(f"{name} {numbers.value(mean.value, about.unit)}")
    return ", ".join(said)


def _within(c: Comparison, about: MetricInfo) -> str:
    """Return the 90 % interval that equivalence was judged by, where it was shown."""
    bounds = listings.bounds(c.low90, c.high90, about.unit)
    return f"90{numbers.NBSP}% {bounds}" if _is_equivalent(c) and bounds else ""


def _is_equivalent(c: Comparison) -> bool:
    return c.equivalent is True and c.n_seeds not in (1, 2)


def _marks(c: Comparison, *, shown: bool) -> str:
    star = ("●" if c.family == "primary" else "○") if shown else ""
    scope = "§" if for_models(c) else {1: "¹", 2: "²"}.get(c.n_seeds, "")
    return f"{star}{'≈' if _is_equivalent(c) else ''}{scope}{'‡' if c.n_dropped else ''}"


def _tone(c: Comparison, about: MetricInfo, *, shown: bool) -> str:
    if not shown or not c.effect:
        return ""
    if about.better is None:
        return "shift"
    return "better" if (c.effect > 0) == (about.better == "higher") else "worse"


def legend(grids: Iterable[Grid]) -> list[tuple[str, str]]:
    """Return the marks that occur in the tables, each with its meaning."""
    used = {mark for grid in grids for line in grid.lines for cell in line.cells for mark in cell.marks}
    return [(mark, meaning) for mark, meaning in MARKS.items() if mark in used]
