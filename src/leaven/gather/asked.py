"""What a study asks of its measurements, in the words of the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from leaven import lock as locks
from leaven.graph import Graph
from leaven.report.findings import LedgerInfo, MetricInfo
from leaven.stats.claims import Claim
from leaven.stats.gap import Asked
from leaven.stats.questions import Grid, Questions
from leaven.study.compare import Claim as Declared
from leaven.study.compare import Compare
from leaven.study.matrix import ExpandedArm, baselines, expand

if TYPE_CHECKING:
    import pandas as pd


def questions(
    graph: Graph,
    lock: locks.Lock | None,
    *,
    metrics: Iterable[MetricInfo],
    ledgers: Iterable[LedgerInfo] = (),
    labels: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
    thin: Iterable[str] = (),
) -> Questions:
    """Return what the study's compare block asks; what was changed since it was locked is no primary any more.

    ``thin`` are averages that no margin applies to.
    """
    declared, arms = graph.study.compare, expand(graph.study)
    grids = dict(_grids(declared, arms))
    return Questions(
        to=declared.to if declared.to in [arm.name for arm in arms] else baselines(arms, declared.to),
        dose=declared.first_dose,
        grids=grids,
        dose_names=(declared.doses[0], declared.doses[-1]) if grids else ("", ""),
        primary=locks.primary(lock, declared),
        margin={name: size for name, size in declared.margin.items() if name.partition("/")[0] not in set(thin)},
        unasked=_unasked(graph),
        greedy=sorted(suite.name for suite in graph.suites if not suite.is_sampled),
        realised=_realised(ledgers),
        claims=[_claim(claim, declared) for claim in declared.claims],
        locked=[_claim(claim, declared) for claim in declared.claims if locks.is_locked(lock, claim, declared)],
        coherence=declared.coherence,
        better={f"{metric.suite}/{metric.name}": metric.better for metric in metrics},
        evaluators=declared.evaluators,
        gaps=[Asked(gap.student, gap.teacher, gap.bare, gap.metric) for gap in declared.gaps],
        labels=labels,
        predictions=predictions,
    )


def _unasked(graph: Graph) -> dict[str, set[str]]:
    """Return of each suite that asks some arms alone which ones it does not ask."""
    arms = {cell.cell.arm.name for cell in graph.cells}
    asked: dict[str, set[str]] = {}
    for cell in graph.cells:
        for suite in cell.suites:
            asked.setdefault(suite.name, set()).add(cell.cell.arm.name)
    return {suite: arms - some for suite, some in asked.items() if arms - some}


def _claim(claim: Declared, compare: Compare) -> Claim:
    margin = compare.margin_of(claim)
    assert margin is not None, "a study without this margin is not sound"
    return Claim(claim.says, claim.arm, claim.metric, claim.holds, margin, claim.to, claim.group)


def _grids(compare: Compare, arms: Sequence[ExpandedArm]) -> Iterator[tuple[str, Grid]]:
    """Yield each sweep of both doses with its arms' points; a baseline without doses stands at (0, 0)."""
    if len(compare.doses) < 2:
        return
    stems: dict[str, dict[str, tuple[float, float]]] = {}
    for arm in arms:
        point = [arm.dose(name) for name in compare.doses]
        if arm.is_trained and point[0] is not None and point[1] is not None:
            stems.setdefault(_others(arm, compare.doses), {})[arm.name] = (point[0], point[1])
    for stem, points in stems.items():
        if isinstance(compare.to, str) and compare.to not in points and _is_trained(compare.to, arms):
            points[compare.to] = (0.0, 0.0)
        yield stem, points


def _others(arm: ExpandedArm, doses: Sequence[str]) -> str:
    """Return what an arm is called without its two doses: what makes one grid."""
    rest = [part for part in arm.name.partition("@")[2].split(",") if part.partition("=")[0] not in doses]
    return "@".join([arm.stem, *filter(None, [",".join(rest)])])


def _is_trained(name: str, arms: Sequence[ExpandedArm]) -> bool:
    return any(arm.name == name and arm.is_trained for arm in arms)


def _realised(ledgers: Iterable[LedgerInfo]) -> dict[tuple[str, int], float]:
    """Return the dose that each run reached; a run whose data several steps altered has no one dose."""
    runs: dict[tuple[str, int], list[float]] = {}
    for entry in ledgers:
        if entry.seed is not None and entry.realised is not None:
            runs.setdefault((entry.arm, entry.seed), []).append(entry.realised)
    return {run: reached[0] for run, reached in runs.items() if len(reached) == 1}
