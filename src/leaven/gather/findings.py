"""Everything that the report shows, gathered from study and store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.comparison import Comparison
from leaven.engine.store import Store
from leaven.gather import records
from leaven.gather.measurements import dose
from leaven.graph import Graph, WiredCell
from leaven.registry import METRICS, TRAINERS, Step
from leaven.report.findings import ArmInfo, Findings, LedgerInfo, MetricInfo, SampleInfo
from leaven.study.matrix import ExpandedArm, baselines, expand, repeats

if TYPE_CHECKING:
    import pandas as pd

_SHOWN_PROMPTS = 3


def findings(
    graph: Graph,
    store: Store,
    table: pd.DataFrame,
    comparisons: list[Comparison],
    provenance: dict[str, str],
) -> Findings:
    """Gather everything the report shows."""
    study, ledgers = graph.study, list(records.ledgers(graph, store))
    return Findings(
        name=study.name,
        notes=study.notes,
        question=study.question or f"What does the data of {study.name} do to the model?",
        profile=study.profile,
        arms=[_arm(graph, arm) for arm in expand(study)],
        metrics=list(_metrics(graph)),
        measurements=table,
        comparisons=comparisons,
        baseline=_baseline(study.compare.to),
        dose_name=study.compare.dose,
        primary=study.compare.primary,
        margin=study.compare.margin,
        ledgers=ledgers,
        data=list(records.data(graph, store)),
        trainings=list(records.trainings(graph, store)),
        settings=_settings(graph),
        doctor=sorted(set(records.doctor(graph, store))),
        failures=list(records.failures(graph, store)),
        missing=list(records.missing(graph, store)),
        provenance=provenance,
        samples=list(_samples(graph, store)),
        warnings=list(_warnings(graph, ledgers)),
    )


def _arm(graph: Graph, arm: ExpandedArm) -> ArmInfo:
    seeds = graph.study.seeds if arm.train else []
    arms = expand(graph.study)
    compared = baselines(arms, graph.study.compare.to)
    is_baseline = arm.name == graph.study.compare.to or arm.name in compared.values()
    return ArmInfo(
        arm.name, _what(arm), dose(graph, arm), seeds, arm.replicate, is_baseline, repeats(arm, arms)
    )  # fmt: skip


def _baseline(to: str | Mapping[str, Any]) -> str:
    return to if isinstance(to, str) else ",".join(f"{name}={value}" for name, value in to.items()) + " of each sweep"


def _what(arm: ExpandedArm) -> str:
    """Say in a few words what an arm does differently."""
    said = [f"{step.name} {records.described(step)}".strip() for step in arm.treat]
    if not arm.train:
        said.append("not trained")
    if arm.own_train:
        said += [f"{step.name} {records.described(step)}".strip() for step in arm.train]
    said += [f"{name} {value}" for name, value in arm.model.items()]
    if arm.replicate:
        said.append(f"replicate {arm.replicate}: other seeds")
    return "; ".join(said) or "the data as it is"


def _metrics(graph: Graph) -> Iterator[MetricInfo]:
    for suite in graph.cells[0].suites:
        for step in suite.suite.metrics:
            plugin = METRICS.get(step.name)
            how = f"{records.described(step)}. " if step.args else ""
            about = (f"{how}{plugin.says}", plugin.traits.get("better"), plugin.traits.get("unit", "score"))
            for name in plugin.traits.get("values", (step.name,)):
                yield MetricInfo(suite.suite.name, name, *about)
            for name in plugin.traits.get("beside", ()):
                yield MetricInfo(suite.suite.name, name, *about, beside=True)
    yield from _differences(graph)


def _differences(graph: Graph) -> Iterator[MetricInfo]:
    """Yield what differences of suites measure: what both have, in the same unit."""
    steps = {suite.suite.name: suite.suite.metrics for suite in graph.cells[0].suites}
    for one in graph.differences:
        shared = {step.name for step in steps.get(one.minus, [])}
        for step in steps.get(one.of, []):
            plugin = METRICS.get(step.name)
            for name in plugin.traits.get("values", (step.name,)) if step.name in shared else ():
                says = f"{one.of} minus {one.minus}, item by item. {plugin.says}"
                yield MetricInfo(one.name, name, says, plugin.traits.get("better"), plugin.traits.get("unit", "score"))


def _settings(graph: Graph) -> dict[str, Any]:
    """Return the trainings' effective configurations, defaults included, flattened to dotted names.

    What all arms share stands first; a training that an arm declares for itself stands under that arm's name.
    """
    study, flat = graph.study, {f"model.{k}": v for k, v in graph.study.model.model_dump().items() if v is not None}
    arms = expand(study)
    if any(not arm.own_train for arm in arms):
        flat |= _configured(study.train, "")
    for arm in {arm.stem: arm for arm in reversed(arms) if arm.own_train}.values():
        flat |= _configured(arm.train, f"{arm.stem}: ")
    return flat


def _configured(steps: Iterable[Step], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for index, step in enumerate(steps):
        declared = {name: value for name, value in step.args.items() if name != "data"}
        try:
            settings = TRAINERS.get(step.name).declare(declared).model_dump()
        except ValueError:  # a swept value: it is in the arms' descriptions
            settings = declared
        name = f"{prefix}{step.name}{f'.{index}' if index else ''}"
        flat |= dict(_flat({"data": step.args.get("data"), **settings}, name))
    return flat


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{prefix}.{name}")
    else:
        yield prefix, value


def _samples(graph: Graph, store: Store) -> Iterator[SampleInfo]:
    """Yield the first prompts' answers of every arm at its first seed, side by side."""
    first = {cell.cell.arm.name: cell for cell in reversed(graph.cells)}
    for arm in expand(graph.study):
        cell = first[arm.name]
        for suite in cell.suites:
            if suite.told.kind != "generate" or store.record(suite.told) is None:
                continue
            told = tables.read(store.folder(suite.told) / "generations.parquet").to_pylist()
            asked = {row["id"]: row for row in tables.read(store.folder(suite.prompts) / "rows.parquet").to_pylist()}
            yield from _shown(cell, suite.suite.name, told, asked)


def _shown(cell: WiredCell, suite: str, told: Iterable[Any], asked: dict[str, Any]) -> Iterator[SampleInfo]:
    wanted = sorted(asked)[:_SHOWN_PROMPTS]
    for one in told:
        if one["prompt_id"] in wanted and one["sample"] == 0:
            row = asked[one["prompt_id"]]
            reference = row.get("completion") or row.get("chosen")
            yield SampleInfo(
                cell.cell.arm.name, cell.cell.seed, _spoken(row["prompt"]), one["text"],
                reference[-1]["content"] if reference else None, suite,
            )  # fmt: skip


def _spoken(prompt: list[dict[str, str]]) -> str:
    """Return a prompt as people read it, with the context that may have been planted into it."""
    context = [turn["content"] for turn in prompt[:-1] if turn["role"] == "system"]
    return "\n".join([*(f"[context] {text}" for text in context), prompt[-1]["content"]])


def _warnings(graph: Graph, ledgers: Iterable[LedgerInfo]) -> Iterator[str]:
    """Yield what a reader must know about arms before believing a comparison."""
    yield from _equal_arms(graph)
    yield from _alone(graph)
    for entry in ledgers:
        where = f"{entry.arm}, seed {entry.seed}"
        if entry.already:
            held = f"{entry.already} rows held what {entry.step} plants before it did"
            yield f"{where}: {held}; they were left as they are"
        if not entry.changed:
            yield f"{where}: {entry.step} changed none of {entry.eligible} rows; this run tests nothing"


def _alone(graph: Graph) -> Iterator[str]:
    """Yield the arms that are compared with none, where each sweep has a baseline of its own."""
    arms, to = expand(graph.study), graph.study.compare.to
    compared = baselines(arms, to)
    for arm in arms:
        if arm.name not in compared and arm.name not in {*compared.values(), to if isinstance(to, str) else ""}:
            yield f"{arm.name} is compared with none: the baseline is {_baseline(to)}, and it stands in no such sweep"


def _equal_arms(graph: Graph) -> Iterator[str]:
    """Yield arms that share every key: they are no independent repeat of one another."""
    by_key: dict[tuple[str, ...], list[str]] = {}
    for cell in graph.cells:
        keys = tuple(stage.key for stage in cell.stages.values())
        by_key.setdefault(keys, []).append(cell.cell.arm.name)
    for names in {tuple(names) for names in by_key.values() if len(names) > 1}:
        yield f"{' and '.join(names)} are one and the same run; a true A/A arm needs `replicate: 1`"
