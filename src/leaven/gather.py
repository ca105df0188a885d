"""Results in the store -> the long table, and everything that the report shows.

Reads what is there; what is missing is missing and said so, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.registry import METRICS, TRAINERS, Step
from leaven.report.findings import (
    ArmInfo,
    DataInfo,
    FailureInfo,
    Findings,
    LedgerInfo,
    MetricInfo,
    SampleInfo,
    TrainingInfo,
)
from leaven.rows import Comparison
from leaven.study.matrix import ExpandedArm, expand
from leaven.wiring import Graph, WiredCell, WiredSuite

if TYPE_CHECKING:
    import pandas as pd

_EXCERPTS = 3
_SHOWN_PROMPTS = 3


def measurements(graph: Graph, store: Store) -> pd.DataFrame:
    """Return the long table of all scores that are there: arm, dose, seed, suite, metric, group, item_id, ..."""
    import pandas as pd

    parts = [
        part for cell in graph.cells for suite in cell.suites for part in _suite_measurements(graph, store, cell, suite)
    ]
    names = tables.schema("measurements").names
    if not parts:
        return pd.DataFrame({name: [] for name in names})
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)[names]
    return table


def _suite_measurements(graph: Graph, store: Store, cell: WiredCell, suite: WiredSuite) -> Iterator[pd.DataFrame]:
    for stage in suite.scores.values():
        if store.record(stage) is None:
            continue
        groups = tables.read(store.folder(suite.prompts) / "rows.parquet").select(["id", "group"]).to_pandas()
        scores = tables.read(store.folder(stage) / "scores.parquet").to_pandas()
        joined = scores.merge(groups.rename(columns={"id": "row_id"}), on="row_id", how="left", validate="many_to_one")
        yield joined.assign(
            arm=cell.cell.arm.name,
            dose=dose(graph, cell.cell.arm),
            seed=cell.cell.seed,
            suite=suite.suite.name,
            item_id=joined["row_id"],
        )


def dose(graph: Graph, arm: ExpandedArm) -> float | None:
    """Return an arm's dose: its value of the dose parameter; the baseline without one has dose 0."""
    compare = graph.study.compare
    declared = arm.dose(compare.dose)
    if compare.dose is not None and declared is None and arm.name == compare.to:
        return 0.0
    return declared


def findings(
    graph: Graph,
    store: Store,
    table: pd.DataFrame,
    comparisons: list[Comparison],
    provenance: dict[str, str],
) -> Findings:
    """Gather everything the report shows."""
    study = graph.study
    return Findings(
        name=study.name,
        question=study.question or f"What does the data of {study.name} do to the model?",
        profile=study.profile,
        arms=[_arm(graph, arm) for arm in expand(study)],
        metrics=list(_metrics(graph)),
        measurements=table,
        comparisons=comparisons,
        baseline=study.compare.to,
        dose_name=study.compare.dose,
        primary=study.compare.primary,
        margin=study.compare.margin,
        ledgers=list(_ledgers(graph, store)),
        data=list(_data(graph, store)),
        trainings=list(_trainings(graph, store)),
        settings=_settings(graph),
        doctor=sorted(set(_doctor(graph, store))),
        failures=list(_failures(graph, store)),
        missing=list(_missing(graph, store)),
        provenance=provenance,
        samples=list(_samples(graph, store)),
        warnings=list(_warnings(graph, store)),
    )


def _arm(graph: Graph, arm: ExpandedArm) -> ArmInfo:
    seeds = graph.study.seeds if arm.train else []
    is_baseline = arm.name == graph.study.compare.to
    return ArmInfo(
        arm.name, _what(arm), dose(graph, arm), seeds, arm.replicate, is_baseline, _repeats(graph, arm)
    )  # fmt: skip


def _what(arm: ExpandedArm) -> str:
    """Say in a few words what an arm does differently."""
    said = [f"{step.name} {_args(step)}".strip() for step in arm.treat]
    if not arm.train:
        said.append("not trained")
    if arm.own_train:
        said += [f"{step.name} {_args(step)}".strip() for step in arm.train]
    said += [f"{name} {value}" for name, value in arm.model.items()]
    if arm.replicate:
        said.append(f"replicate {arm.replicate}: other seeds")
    return "; ".join(said) or "the data as it is"


def _args(step: Step) -> str:
    return ", ".join(f"{name} {value}" for name, value in step.args.items())


def _repeats(graph: Graph, arm: ExpandedArm) -> str | None:
    """Return the arm that a replicate repeats: equal in everything but ``replicate``."""

    def same(other: ExpandedArm) -> bool:
        return (other.treat, other.train, other.model) == (arm.treat, arm.train, arm.model)

    if not arm.replicate:
        return None
    return next((other.name for other in expand(graph.study) if not other.replicate and same(other)), None)


def _metrics(graph: Graph) -> Iterator[MetricInfo]:
    for suite in graph.cells[0].suites:
        for step in suite.suite.metrics:
            plugin = METRICS.get(step.name)
            first_line = plugin.says
            how = f"{_args(step)}. " if step.args else ""
            for name in plugin.traits.get("values", (step.name,)):
                traits = plugin.traits
                yield MetricInfo(
                    suite.suite.name, name, f"{how}{first_line}", traits.get("better"), traits.get("unit", "score")
                )


def _ledgers(graph: Graph, store: Store) -> Iterator[LedgerInfo]:
    changed = {
        (cell.cell.arm.name, cell.cell.seed): _changed_ids(store, cell)
        for cell in graph.cells
        if "treat" in cell.stages
    }
    for cell in graph.cells:
        record = store.record(cell.stages["treat"]) if "treat" in cell.stages else None
        if record is None:
            continue
        lines = tables.read(store.folder(cell.stages["treat"]) / "ledger.parquet").to_pylist()
        for count in record["facts"]["ledger"]:
            own = [line for line in lines if line["step"] == count["step"]]
            yield LedgerInfo(
                cell.cell.arm.name, cell.cell.seed, count["step"], count["rows"], count["eligible"], count["changed"],
                realised=count["changed"] / count["eligible"] if count["eligible"] else None,
                excerpts=[(line["id"], line["was"], line["became"]) for line in own[:_EXCERPTS]],
                nested_in=_nesting(graph, cell, changed),
            )  # fmt: skip


def _changed_ids(store: Store, cell: WiredCell) -> set[str] | None:
    stage = cell.stages["treat"]
    if store.record(stage) is None:
        return None
    return set(tables.read(store.folder(stage) / "ledger.parquet")["id"].to_pylist())


def _nesting(graph: Graph, cell: WiredCell, changed: dict[tuple[str, int | None], set[str] | None]) -> str | None:
    """Say whether this dose's rows are a subset of the next higher dose's, within the seed."""
    arm, own = cell.cell.arm, changed.get((cell.cell.arm.name, cell.cell.seed))
    mine = dose(graph, arm)
    higher = sorted(
        (other_dose, other.name)
        for other in expand(graph.study)
        if other.stem == arm.stem and mine is not None and (other_dose := dose(graph, other) or 0) > mine
    )
    if not higher or own is None:
        return None
    above = changed.get((higher[0][1], cell.cell.seed))
    return None if above is None else f"subset of {higher[0][1]}: {'yes' if own <= above else 'NO'}"


def _data(graph: Graph, store: Store) -> Iterator[DataInfo]:
    """Yield each source as it was read and filtered; once per filter where arms differ in model or length."""
    for name, stage in graph.data.items():
        for filter_stage in _filters(graph, stage) or [stage]:
            chain = [stage] if filter_stage is stage else [stage, filter_stage]
            records = [record for one in chain if (record := store.record(one)) is not None]
            if records:
                yield _data_info(graph, name, stage.args["identity"], records)


def _data_info(graph: Graph, name: str, identity: str, records: list[dict[str, Any]]) -> DataInfo:
    declared = graph.study.data[name]
    drops: dict[str, int] = {}
    for record in records:
        for reason, count in record["facts"]["drops"].items():
            drops[reason] = drops.get(reason, 0) + count
    how = f"{declared.format.name} {_args(declared.format)}".strip()
    kept, rows_in = records[-1]["facts"]["rows"], records[0]["facts"]["rows_in"]
    return DataInfo(name, declared.source, how, rows_in, kept, drops, identity)


def _filters(graph: Graph, source: Stage) -> list[Stage]:
    """Return the stages that filter this source for length and room."""
    found = {
        stage.key: stage
        for cell in graph.cells
        for stage in [*cell.stages.values(), *(suite.prompts for suite in cell.suites)]
        if stage.kind in ("fit", "prompts") and stage.inputs["rows"].key == source.key
    }
    return list(found.values())


def _trainings(graph: Graph, store: Store) -> Iterator[TrainingInfo]:
    for cell in graph.cells:
        for step in cell.cell.arm.train:
            record = store.record(cell.stages[step.name])
            if record is not None:
                facts = record["facts"]
                yield TrainingInfo(
                    cell.cell.arm.name, cell.cell.seed, facts["rows"], facts["tokens_trained"], facts["steps"],
                    facts["seconds"], facts["final_loss"],
                )  # fmt: skip


def _settings(graph: Graph) -> dict[str, Any]:
    """Return the training's effective configuration, defaults included, flattened to dotted names."""
    study, flat = graph.study, {f"model.{k}": v for k, v in graph.study.model.model_dump().items() if v is not None}
    for step in study.train:
        declared = {name: value for name, value in step.args.items() if name != "data"}
        try:
            settings = TRAINERS.get(step.name).declare(declared).model_dump()
        except ValueError:  # a swept value: it is in the arms' descriptions
            settings = declared
        flat |= dict(_flat({"data": step.args.get("data"), **settings}, step.name))
    return flat


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{prefix}.{name}")
    else:
        yield prefix, value


def _doctor(graph: Graph, store: Store) -> Iterator[str]:
    for cell in graph.cells:
        record = store.record(cell.stages["doctor"]) if "doctor" in cell.stages else None
        if record is not None:
            yield from record["facts"]["warnings"]


def _failures(graph: Graph, store: Store) -> Iterator[FailureInfo]:
    seen: set[str] = set()
    for cell, stage in _all_stages(graph):
        failure = None if stage.key in seen else store.failure(stage)
        seen.add(stage.key)
        if failure is not None and store.record(stage) is None:
            yield FailureInfo(
                cell.cell.arm.name, cell.cell.seed, stage.title, str(failure.get("message")),
                [str(line) for line in failure.get("last_lines", [])],
            )  # fmt: skip


def _all_stages(graph: Graph) -> Iterator[tuple[WiredCell, Any]]:
    for cell in graph.cells:
        for stage in graph.data.values():
            yield cell, stage
        for suite in cell.suites:
            yield cell, suite.prompts
        for stage in cell.stages.values():
            yield cell, stage


def _missing(graph: Graph, store: Store) -> Iterator[str]:
    for cell in graph.cells:
        for suite in cell.suites:
            lacking = [name for name, stage in suite.scores.items() if store.record(stage) is None]
            if lacking:
                seed = "" if cell.cell.seed is None else f", seed {cell.cell.seed}"
                yield f"{cell.cell.arm.name}{seed}: {suite.suite.name} was not measured ({', '.join(lacking)})"


def _samples(graph: Graph, store: Store) -> Iterator[SampleInfo]:
    """Yield the first prompts' answers of every arm at its first seed, side by side."""
    first = {cell.cell.arm.name: cell for cell in reversed(graph.cells)}
    for arm in expand(graph.study):
        cell = first[arm.name]
        for suite in cell.suites:
            if store.record(suite.generations) is None:
                continue
            told = tables.read(store.folder(suite.generations) / "generations.parquet").to_pylist()
            asked = {row["id"]: row for row in tables.read(store.folder(suite.prompts) / "rows.parquet").to_pylist()}
            yield from _shown(cell, told, asked)


def _shown(cell: WiredCell, told: Iterable[Any], asked: dict[str, Any]) -> Iterator[SampleInfo]:
    wanted = sorted(asked)[:_SHOWN_PROMPTS]
    for one in told:
        if one["prompt_id"] in wanted and one["sample"] == 0:
            row = asked[one["prompt_id"]]
            reference = row.get("completion") or row.get("chosen")
            yield SampleInfo(
                cell.cell.arm.name, cell.cell.seed, row["prompt"][-1]["content"], one["text"],
                reference[-1]["content"] if reference else None,
            )  # fmt: skip


def _warnings(graph: Graph, store: Store) -> Iterator[str]:
    """Yield what a reader must know about arms before believing a comparison."""
    yield from _equal_arms(graph)
    for entry in _ledgers(graph, store):
        if not entry.changed:
            where = f"{entry.arm}, seed {entry.seed}"
            yield f"{where}: {entry.step} changed none of {entry.eligible} rows; this run tests nothing"


def _equal_arms(graph: Graph) -> Iterator[str]:
    """Yield arms that share every key: they are no independent repeat of one another."""
    by_key: dict[tuple[str, ...], list[str]] = {}
    for cell in graph.cells:
        keys = tuple(stage.key for stage in cell.stages.values())
        by_key.setdefault(keys, []).append(cell.cell.arm.name)
    for names in {tuple(names) for names in by_key.values() if len(names) > 1}:
        yield f"{' and '.join(names)} are one and the same run; a true A/A arm needs `replicate: 1`"
