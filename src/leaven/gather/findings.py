"""Everything that the report shows, gathered from study and store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leaven.comparison import Comparison
from leaven.engine.store import Store
from leaven.evaluate.measure import AVERAGE
from leaven.gather import conditioned, records, shown, told
from leaven.gather.costs import stages
from leaven.gather.dumped import dumped
from leaven.gather.judged import judging
from leaven.gather.measurements import dose, reasons
from leaven.gather.methods import methods
from leaven.gather.recited import recited
from leaven.gather.samples import samples
from leaven.gather.settings import settings
from leaven.gather.spent import account
from leaven.gather.truthful import agreed
from leaven.graph import Graph
from leaven.report.findings import ArmInfo, Findings, LedgerInfo, LockInfo, MetricInfo
from leaven.report.judges.found import Judging
from leaven.stats.analyses import Analyses
from leaven.study.conditioned import knows
from leaven.study.matrix import ExpandedArm, baselines, expand, repeats

if TYPE_CHECKING:
    import pandas as pd


def findings(
    graph: Graph,
    store: Store,
    table: pd.DataFrame,
    comparisons: list[Comparison],
    analyses: Analyses,
    *,
    ledgers: Sequence[LedgerInfo],
    provenance: dict[str, str],
    lock: LockInfo | None,
) -> Findings:
    """Gather everything the report shows."""
    study = graph.study
    shared, differing = settings(study)
    judged, trained = judging(graph, store), list(records.trainings(graph, store))
    return Findings(
        name=study.name,
        notes=study.notes,
        question=study.question or f"What does the data of {study.name} do to the model?",
        profile=study.profile,
        arms=[_arm(graph, arm) for arm in expand(study)],
        metrics=list(metrics(graph)),
        measurements=table,
        comparisons=comparisons,
        baseline=_baseline(study.compare.to),
        dose_name=study.compare.first_dose,
        primary=study.compare.primary,
        margin=study.compare.margin,
        ledgers=ledgers,
        data=list(records.data(graph, store)),
        trainings=trained,
        settings=shared,
        differing=differing,
        doctor=sorted({*records.doctor(graph, store), *records.matched(graph, store)}),
        dumped=list(dumped(graph, store)),
        failures=list(records.failures(graph, store)),
        missing=list(records.missing(graph, store)),
        provenance=provenance,
        samples=list(samples(graph, store)),
        warnings=list(_warnings(graph, store, ledgers)),
        stages=list(stages(graph, store)),
        lock=lock,
        analyses=analyses,
        boards=list(shown.boards(graph)),
        references=list(shown.references(graph)),
        tradeoff=shown.tradeoff(graph),
        funnels=list(conditioned.funnels(graph, store)),
        labels=list(conditioned.labels(graph, store)),
        balances=list(conditioned.balances(graph, store)),
        obeyed=list(conditioned.obeyed(graph, store)),
        asked=list(conditioned.written(graph, store)),
        bare=conditioned.bare(graph),
        judging=judged,
        methods=methods(graph, store, trained),
        recited=list(recited(graph, store)),
        agreed=list(agreed(graph, store)),
        spent=account(graph, store, _agreed(judged)),
        unscored=reasons(graph, store),
    )


def _agreed(judged: Judging) -> dict[str, float | None]:
    """Return in which share of people's pairs each judge agreed with people, as far as it was tried on some."""
    tried = [one for one in judged.judges if one.by_people and one.found.people is not None]
    return {one.judge: one.found.people.agreement.value for one in tried if one.found.people is not None}


def _arm(graph: Graph, arm: ExpandedArm) -> ArmInfo:
    seeds = graph.study.seeds if arm.is_trained else []
    arms = expand(graph.study)
    compared = baselines(arms, graph.study.compare.to)
    is_baseline = arm.name == graph.study.compare.to or arm.name in compared.values()
    return ArmInfo(
        arm.name, _what(arm), dose(graph, arm), seeds, arm.replicate, is_baseline, repeats(arm, arms),
        data=[f"{step.name} {step.args.get('data')}" for step in arm.train], attributes=knows(arm),
    )  # fmt: skip


def _baseline(to: str | Mapping[str, Any]) -> str:
    return to if isinstance(to, str) else ",".join(f"{name}={value}" for name, value in to.items()) + " of each sweep"


def _what(arm: ExpandedArm) -> str:
    """Say in a few words what an arm does differently."""
    said = [f"{step.name} {step.described}".strip() for step in arm.treat]
    if not arm.is_trained:
        said.append("not trained")
    if arm.compose is not None:
        said.append(arm.compose.described)
    if arm.own_train:
        said += [f"{step.name} {step.described}".strip() for step in arm.train]
    said += [f"{name} {value}" for name, value in arm.model.items()]
    said += [f"asked with {step.name} {step.described}".strip() for step in arm.wraps]
    said += [f"samples with {name} {value}" for name, value in arm.generation.items()]
    if arm.snapshot is not None:
        said.append(f"as it was at epoch {arm.snapshot:g}")
    if arm.replicate:
        said.append(f"replicate {arm.replicate}: other seeds")
    return "; ".join(said) or "the data as it is"


def metrics(graph: Graph) -> Iterator[MetricInfo]:
    """Yield what each suite measures, what is printed beside it, and what differences of suites measure."""
    for suite in graph.suites:
        for one in suite.measures:
            yield MetricInfo(suite.name, one.name, one.says, one.better, one.unit, one.beside)
    yield from _differences(graph)
    yield from _averages(graph)


def _differences(graph: Graph) -> Iterator[MetricInfo]:
    """Yield what differences of suites measure: what both have, in the same unit."""
    measured = {suite.name: suite.measures for suite in graph.suites}
    for one in graph.differences:
        shared = {measure.name for measure in measured.get(one.minus, ())}
        for measure in measured.get(one.of, ()):
            if measure.name in shared and not measure.beside:
                says = f"{one.of} minus {one.minus}, item by item. {measure.says}"
                yield MetricInfo(one.name, measure.name, says, measure.better, measure.unit)


def _averages(graph: Graph) -> Iterator[MetricInfo]:
    """Yield the averages over groups of tasks: in the unit of the first, better as it is."""
    known = {(suite.name, one.name): one for suite in graph.suites for one in suite.measures}
    for name, parts in graph.averages.items():
        first, listed = known[parts[0]], ", ".join(f"{task} {metric}" for task, metric in parts)
        yield MetricInfo(name, AVERAGE, f"The mean of {listed}, each task counted alike.", first.better, first.unit)


def _warnings(graph: Graph, store: Store, ledgers: Iterable[LedgerInfo]) -> Iterator[str]:
    """Yield what a reader must know about arms before believing a comparison."""
    yield from _equal_arms(graph)
    yield from _alone(graph)
    yield from told.of_poison(graph)
    yield from told.of_tasks(graph, store)
    yield from told.unmoved(graph, store)
    yield from told.of_texts(graph, store)
    for entry in ledgers:
        where = f"{entry.arm}, seed {entry.seed}"
        if entry.already:
            one = entry.already == 1
            held = f"{_rows(entry.already)} held what {entry.step} plants before it did"
            yield f"{where}: {held}; {'it was' if one else 'they were'} left as {'it is' if one else 'they are'}"
        if not entry.changed:
            yield f"{where}: {entry.step} changed none of {_rows(entry.eligible)}; this run tests nothing"


def _rows(n: int) -> str:
    return f"{n} row{'' if n == 1 else 's'}"


def _alone(graph: Graph) -> Iterator[str]:
    """Yield the arms that are compared with none, where each sweep has a baseline of its own."""
    arms, to = expand(graph.study), graph.study.compare.to
    compared = baselines(arms, to)
    for arm in arms:
        if arm.name not in compared and arm.name not in {*compared.values(), to if isinstance(to, str) else ""}:
            said = f"the baseline is '{_baseline(to)}', and it stands in no such sweep"
            yield f"{arm.name} is compared with no other arm: {said}"


def _equal_arms(graph: Graph) -> Iterator[str]:
    """Yield arms that share every key: they are no independent repeat of one another."""
    by_key: dict[tuple[str, ...], list[str]] = {}
    for cell in graph.cells:
        keys = tuple(stage.key for stage in cell.stages.values())
        by_key.setdefault(keys, []).append(cell.cell.arm.name)
    for names in {tuple(names) for names in by_key.values() if len(names) > 1}:
        yield f"{' and '.join(names)} are one and the same run; a true A/A arm needs `replicate: 1`"
