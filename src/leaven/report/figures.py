"""Which charts a page holds, and in which order: first those that show the answer, then all the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from leaven.report.charts.chart import NOT_DRAWN, Chart
from leaven.report.charts.dose import dose_chart
from leaven.report.charts.forest import forest_chart
from leaven.report.charts.groups import grouped, groups_chart
from leaven.report.charts.heat import heat_chart
from leaven.report.charts.preferences import preferences_chart, preferring
from leaven.report.charts.seeds import seeds_chart
from leaven.report.charts.surface import surface_chart
from leaven.report.charts.tradeoff import declared, pairs, tradeoff_chart
from leaven.report.charts.training import steps_of, training_chart
from leaven.report.charts.view import View, view
from leaven.report.curves import has_doses
from leaven.report.findings import Findings
from leaven.report.means import Column, Means, columns, is_primary

__all__ = ["NOT_DRAWN", "Chart", "gallery", "headline", "keyed"]

MOST_POINTS = 480  # arms times further metrics that have charts of their own
MOST_ANSWERS, MOST_METRICS, MOST_GROUPED, MOST_TRAININGS, MOST_SURFACES = 3, 8, 4, 3, 4
MOST_PREFERRING = 8  # charts of what preferences did: four for each training

Planned = tuple[str, Callable[[str], Chart | None]]  # a kind, and what draws it under a name


def headline(findings: Findings, found: Means) -> list[Chart]:
    """Return the charts that show the answer: one per primary outcome, else that of the first metric."""
    return _drawn(_answers(view(findings, found)), Counter())


def gallery(findings: Findings, found: Means) -> list[Chart]:
    """Return all other charts, in a fixed order."""
    seen = view(findings, found)
    return _drawn([*_others(seen)], Counter(kind for kind, _ in _answers(seen)))


Keys = list[tuple[str, str]]


def keyed(charts: Iterable[Chart]) -> list[tuple[Chart, Keys, Keys]]:
    """Return each chart of a section with the part of its key that is new there, and the part that was told before.

    What was told is of charts of the same kind: one sign may mean something else in another.
    """
    told: dict[str, Keys] = {}
    made = []
    for chart in charts:
        before = told.setdefault(chart.kind, [])
        new = [entry for entry in chart.legend if entry not in before]
        made.append((chart, new, [entry for entry in chart.legend if entry in before]))
        before += new
    return made


def _drawn(planned: Sequence[Planned], counts: Counter[str]) -> list[Chart]:
    """Draw what was planned; the names count on from those that were given before."""
    made = []
    for kind, draw in planned:
        counts[kind] += 1
        made.append(draw(f"{kind}-{counts[kind]}"))
    return [chart for chart in made if chart is not None]


def _answering(seen: View) -> list[Column]:
    every = columns(seen.findings, seen.found)
    return [column for column in every if is_primary(seen.findings, column)][:MOST_ANSWERS] or every[:1]


def _answers(seen: View) -> list[Planned]:
    """Plan what shows an outcome best: its doses, where the study has any, else the arms' differences."""
    kind, draw = ("dose", dose_chart) if has_doses(seen.findings) else ("forest", forest_chart)
    planned: list[Planned] = [(kind, partial(draw, seen, column)) for column in _answering(seen)]
    pair = declared(seen)
    return [*planned, *([("tradeoff", partial(tradeoff_chart, seen, pair))] if pair else [])]


def _others(seen: View) -> Iterator[Planned]:
    shown = _answering(seen)
    every = [column for column in columns(seen.findings, seen.found) if column not in shown]
    further = every[: max(2, min(MOST_METRICS, MOST_POINTS // max(1, len(seen.looks))))]
    over_doses = has_doses(seen.findings)
    yield from (("dose", partial(dose_chart, seen, column)) for column in further if over_doses)
    forests = [column for column in [*(shown if over_doses else []), *further] if seen.contrasts(column)]
    yield from (("forest", partial(forest_chart, seen, column)) for column in forests)
    yield from (("tradeoff", partial(tradeoff_chart, seen, pair)) for pair in pairs(seen) if pair != declared(seen))
    yield from (("groups", partial(groups_chart, seen, column)) for column in grouped(seen)[:MOST_GROUPED])
    yield from (("seeds", partial(seeds_chart, seen, column)) for column in shown if seen.found)
    for step in steps_of(seen.findings)[:MOST_TRAININGS]:
        yield "training", partial(training_chart, seen, step)
    for pair in preferring(seen.findings)[:MOST_PREFERRING]:
        yield "preferences", partial(preferences_chart, seen, pair)
    yield "heat", partial(heat_chart, seen, left_out=len(every) - len(further))
    for surface in seen.findings.analyses.surfaces[:MOST_SURFACES]:
        yield "surface", partial(surface_chart, seen, surface)
