"""Records in the store -> what was done to data and models: ledgers, counts, trainings, failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather.measurements import dose
from leaven.registry import Step
from leaven.report.findings import DataInfo, FailureInfo, LedgerInfo, TrainingInfo
from leaven.study.matrix import expand
from leaven.wiring import Graph, WiredCell

_EXCERPTS = 3


def described(step: Step) -> str:
    """Return a step's arguments in a few words."""
    return ", ".join(f"{name} {value}" for name, value in step.args.items())


def ledgers(graph: Graph, store: Store) -> Iterator[LedgerInfo]:
    """Yield, per run and treatment step, what was changed and whether lower doses nest in higher ones."""
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


def data(graph: Graph, store: Store) -> Iterator[DataInfo]:
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
    how = f"{declared.format.name} {described(declared.format)}".strip()
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


def trainings(graph: Graph, store: Store) -> Iterator[TrainingInfo]:
    """Yield what each training that is there has seen."""
    for cell in graph.cells:
        for step in cell.cell.arm.train:
            record = store.record(cell.stages[step.name])
            if record is not None:
                facts = record["facts"]
                yield TrainingInfo(
                    cell.cell.arm.name, cell.cell.seed, facts["rows"], facts["tokens_trained"], facts["steps"],
                    facts["seconds"], facts["final_loss"],
                )  # fmt: skip


def doctor(graph: Graph, store: Store) -> Iterator[str]:
    """Yield the doctor's warnings."""
    for cell in graph.cells:
        record = store.record(cell.stages["doctor"]) if "doctor" in cell.stages else None
        if record is not None:
            yield from record["facts"]["warnings"]


def failures(graph: Graph, store: Store) -> Iterator[FailureInfo]:
    """Yield the stages that failed, with the last lines of their logs."""
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


def missing(graph: Graph, store: Store) -> Iterator[str]:
    """Yield, in words, which suites were not measured in which cells."""
    for cell in graph.cells:
        for suite in cell.suites:
            lacking = [name for name, stage in suite.scores.items() if store.record(stage) is None]
            if lacking:
                seed = "" if cell.cell.seed is None else f", seed {cell.cell.seed}"
                yield f"{cell.cell.arm.name}{seed}: {suite.suite.name} was not measured ({', '.join(lacking)})"
