"""The page's section on control tokens, whole: only where a study has any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from leaven.report.charts.attribute_count import attribute_count_chart
from leaven.report.charts.chart import Chart
from leaven.report.charts.histogram import histogram_chart
from leaven.report.charts.misaligned import misaligned_chart
from leaven.report.charts.view import View, view
from leaven.report.conditioned import balance
from leaven.report.conditioned.adding import adding, plain_arms
from leaven.report.conditioned.asked import attributes, suites
from leaven.report.conditioned.balance import Bars
from leaven.report.conditioned.doubts import doubts
from leaven.report.conditioned.effects import effects
from leaven.report.conditioned.funnel import Funnel, funnels
from leaven.report.conditioned.matrices import Matrix, matrices
from leaven.report.conditioned.written import Written, written
from leaven.report.figures import Keys, keyed
from leaven.report.findings import Findings
from leaven.report.listings import Table
from leaven.report.means import Means

Keyed = list[tuple[Chart, Keys, Keys]]


@dataclass(frozen=True)
class Suite:
    """What one suite saw: what tokens do, charts, what adding attributes did, matrices, and texts to read."""

    name: str
    effects: Table | None
    charts: Keyed
    adding: Sequence[str]
    matrices: Sequence[Matrix]
    written: Sequence[Written]


@dataclass(frozen=True)
class Labelling:
    """How texts were labelled: who did, the classes, how attributes go together, and the scores."""

    by: Table | None
    balances: Bars | None
    treated: Table | None
    correlations: Table | None
    said: Sequence[tuple[str, Bars]]
    histograms: Keyed


@dataclass(frozen=True)
class Control:
    """The section: what to be careful of, each suite, the labels, the corpora."""

    doubts: Sequence[str]
    suites: Sequence[Suite]
    labels: Labelling | None
    funnels: Sequence[Funnel]


def section(findings: Findings, found: Means) -> Control | None:
    """Return the section, or None where a study knows no corpus and no control token."""
    if not (findings.obeyed or findings.funnels or findings.labels or findings.balances or findings.asked):
        return None
    names = list(dict.fromkeys([*suites(findings), *(one.suite for one in findings.asked)]))
    seen, count = view(findings, found), _counter()
    made = [_suite(seen, name, count) for name in names]
    return Control(doubts(findings), made, _labelling(findings), funnels(findings))


def _counter() -> Callable[[str], str]:
    """Return what names the charts of a page, each kind by its own numbers."""
    made: dict[str, int] = {}

    def named(kind: str) -> str:
        made[kind] = made.get(kind, 0) + 1
        return f"{kind}-{made[kind]}"

    return named


def _suite(seen: View, name: str, named: Callable[[str], str]) -> Suite:
    findings, found = seen.findings, seen.found
    charts = [chart for chart in _charts(seen, name, named) if chart is not None]
    return Suite(name, effects(findings, found, name), keyed(charts), adding(findings, found, name),
                 matrices(findings, name), written(findings, name))  # fmt: skip


def _charts(seen: View, suite: str, named: Callable[[str], str]) -> Iterator[Chart | None]:
    of = attributes(seen.findings, suite)
    for attribute in of:
        yield misaligned_chart(seen, suite, attribute, named("misalignment"))
    known = {attribute: plain_arms(seen.findings, attribute) for attribute in of}
    yield attribute_count_chart(seen, suite, known, named("attributes"))


def _labelling(findings: Findings) -> Labelling | None:
    if not (findings.labels or findings.balances):
        return None
    drawn = (histogram_chart(one, f"histogram-{place}") for place, one in enumerate(findings.labels, start=1))
    return Labelling(
        balance.labelled(findings), balance.balances(findings), balance.treated(findings),
        balance.correlations(findings), balance.said(findings), keyed(chart for chart in drawn if chart is not None),
    )  # fmt: skip
