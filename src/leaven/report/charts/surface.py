"""Two doses at once: the arms' means on the grid of both, with their values."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.comparison import Comparison
from leaven.report import numbers, svg
from leaven.report.certainty import certainty, is_shown
from leaven.report.charts import told
from leaven.report.charts.cells import Patch, cells
from leaven.report.charts.chart import NOT_DRAWN, Chart, drawable
from leaven.report.charts.view import View
from leaven.report.findings import Findings
from leaven.report.means import Column
from leaven.report.text import label
from leaven.stats.doses.surface import Surface

MOST = 12  # doses along either side


def surface_chart(view: View, surface: Surface, name: str) -> Chart:
    """Draw one metric over the grid of two doses; what was not measured is a cell with a dash."""
    findings = view.findings
    column = Column(surface.suite, surface.metric)
    first, second = (label(one, 30) for one in surface.names)
    whose = f" of {label(surface.name, 40)}" if surface.name else ""
    title = f"{told.metric(findings, column)}{whose} over {first} and {second}"
    means = [list(line)[:MOST] for line in surface.means][:MOST]
    drawn = drawable([x for line in means for x in line]) and all(means)
    said = told.joined(told.about(findings, column), _interaction(findings, surface))
    return Chart(
        name=name,
        kind="surface",
        title=title,
        description=said,
        svg=_draw(findings, surface, means, (name, title)) if drawn else "",
        legend=[("s1", "the stronger the colour, the higher")] if drawn else [],
        note=_note(surface, means) if drawn else NOT_DRAWN,
        metric=surface.metric,
        suite=surface.suite,
    )


def _draw(findings: Findings, surface: Surface, means: Sequence[Sequence[float | None]], named: tuple[str, str]) -> str:
    first, second = (label(one, 24) for one in surface.names)
    values = [x for line in means for x in line if x is not None]
    low, high = min(values), max(values)
    patches = [
        [_patch(findings, surface, (i, j), x, (low, high)) for j, x in enumerate(line)] for i, line in enumerate(means)
    ]
    names = [f"{first} {numbers.dose(dose)}" for dose in surface.doses[0][: len(means)]]
    heads = [f"{second} {numbers.dose(dose)}" for dose in surface.doses[1][: len(means[0])]]
    with cells(names, heads, patches) as sheet:
        said = [
            (f"{one}, {other}", patch.text)
            for one, line in zip(names, patches, strict=True)
            for other, patch in zip(heads, line, strict=True)
        ]
        return sheet.svg(*named, told.joined(told.listed(said), _interaction(findings, surface)))


def _patch(
    findings: Findings, surface: Surface, at: tuple[int, int], x: float | None, ends: tuple[float, float]
) -> Patch:
    unit = findings.metric(surface.suite, surface.metric).unit
    where = ", ".join(
        f"{label(name, 30)} {numbers.dose(doses[i])}"
        for name, doses, i in zip(surface.names, surface.doses, at, strict=True)
    )
    if x is None:
        return Patch("–", tip=f"{where}\n{numbers.NOT_MEASURED}")
    fitted = surface.fitted[at[0]][at[1]] if surface.fitted else None
    more = f"\nfitted: {numbers.value(fitted, unit)}" if fitted is not None else ""
    strength = 0.08 + 0.92 * (x - ends[0]) / (ends[1] - ends[0]) if ends[1] > ends[0] else 0.5
    said = numbers.value(x, unit)
    return Patch(said, svg.SERIES[0], strength, tip=f"{where}\nmean: {said}{more}")


def _interaction(findings: Findings, surface: Surface) -> str:
    """Say what both doses do together beyond what each does."""
    c = _test(findings, surface)
    if c is None or not numbers.is_number(c.effect):
        return ""
    verb = "was shown" if is_shown(c) else "was not shown"
    return f"That the two doses act on each other {verb} ({certainty(findings, c)})."


def _test(findings: Findings, surface: Surface) -> Comparison | None:
    same = (surface.name, surface.suite, surface.metric)
    every = (c for c in findings.comparisons if c.kind == "interaction" and c.group is None)
    return next((c for c in every if (c.arm, c.suite, c.metric) == same), None)


def _note(surface: Surface, means: Sequence[Sequence[float | None]]) -> str:
    parts = [f"{label(surface.note, 300)}."] if surface.note else []
    if len(means) < len(surface.means) or len(means[0]) < len(surface.means[0]):
        parts.append(f"The first {MOST} doses along each side are drawn.")
    if any(x is None for line in means for x in line):
        parts.append("A dash is a pair of doses that was not measured.")
    return " ".join(parts)
