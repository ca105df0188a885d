"""Records in the store -> what was done to data and models: ledgers, counts, trainings, failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather.measurements import dose
from leaven.graph import EXAMINED, Graph, WiredCell, WiredSuite
from leaven.report.findings import DataInfo, FailureInfo, LedgerInfo, TrainingInfo
from leaven.stats.doses.dose import series_of

_EXCERPTS = 3
_NAMED = 4  # arms that a finding on their base names


def ledgers(graph: Graph, store: Store) -> Iterator[LedgerInfo]:
    """Yield, per run and treatment step, what was changed and whether lower doses nest in higher ones.

    Steps by labels have no dose, and are told of by ``conditioned.balances``.
    """
    for cell in graph.cells:
        nested_in = _nesting(graph, store, cell)
        for stage in cell.treated:
            if (record := store.record(stage)) is not None:
                excerpts = _excerpts(store.folder(stage) / "ledger.parquet")
                labelled = {step["step"] for step in record["facts"].get("control", ())}
                for count in (one for one in record["facts"]["ledger"] if one["step"] not in labelled):
                    yield _ledger(cell, count, excerpts.get(count["step"], []), nested_in)


def _ledger(
    cell: WiredCell, count: dict[str, Any], excerpts: list[tuple[str, str, str]], nested_in: str | None
) -> LedgerInfo:
    return LedgerInfo(
        cell.cell.arm.name, cell.cell.seed, count["step"], count["rows"], count["eligible"], count["changed"],
        realised=count["changed"] / count["eligible"] if count["eligible"] else None,
        excerpts=excerpts, nested_in=nested_in, already=count.get("already", 0),
    )  # fmt: skip


def _excerpts(ledger: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return the first lines of each step of a ledger, which may be long."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for batch in tables.batches(ledger):
        for line in batch.to_pylist():
            shown = found.setdefault(line["step"], [])
            if len(shown) < _EXCERPTS:
                shown.append((line["id"], line["was"], line["became"]))
    return found


def _changed_ids(store: Store, cell: WiredCell) -> set[tuple[str, str]] | None:
    """Return (step, row) of every line of a cell's ledgers, None unless all of them are there."""
    import pyarrow.parquet as pq

    if any(store.record(stage) is None for stage in cell.treated):
        return None
    files = [store.folder(stage) / "ledger.parquet" for stage in cell.treated]
    read = [pq.read_table(file, columns=["step", "id"]) for file in files]
    return {pair for one in read for pair in zip(one["step"].to_pylist(), one["id"].to_pylist(), strict=True)}


def _nesting(graph: Graph, store: Store, cell: WiredCell) -> str | None:
    """Say whether this dose's rows are a subset of the next higher dose's in its series, within the seed."""
    above = _next_dose(graph, cell)
    if above is None or not cell.treated:
        return None
    own, higher = _changed_ids(store, cell), _changed_ids(store, above)
    if own is None or higher is None:
        return None
    return f"subset of {above.cell.arm.name}: {'yes' if own <= higher else 'NO'}"


def _next_dose(graph: Graph, cell: WiredCell) -> WiredCell | None:
    mine, name = dose(graph, cell.cell.arm), graph.study.compare.first_dose or ""
    if mine is None:
        return None
    own = series_of(cell.cell.arm.name, name)
    higher = [
        (other_dose, other.cell.arm.name, other)
        for other in graph.cells
        if other.cell.seed == cell.cell.seed and series_of(other.cell.arm.name, name) == own
        and (other_dose := dose(graph, other.cell.arm) or 0) > mine
    ]  # fmt: skip
    return min(higher, key=lambda one: one[:2])[2] if higher else None


def data(graph: Graph, store: Store) -> Iterator[DataInfo]:
    """Yield each source as it was read and filtered; once per filter where these leave different rows."""
    told: list[DataInfo] = []
    for name, stage in graph.data.items():
        for filter_stage in _filters(graph, stage) or [stage]:
            chain = [stage] if filter_stage is stage else [stage, filter_stage]
            records = [record for one in chain if (record := store.record(one)) is not None]
            if records and (info := _data_info(graph, name, stage.args.get("identity", ""), records)) not in told:
                told.append(info)
                yield info


def _data_info(graph: Graph, name: str, identity: str, records: list[dict[str, Any]]) -> DataInfo:
    declared = graph.study.data[name]
    drops: dict[str, int] = {}
    for record in records:
        for reason, count in record["facts"]["drops"].items():
            drops[reason] = drops.get(reason, 0) + count
    how = f"{declared.format.name} {declared.format.described}".strip() if declared.format else ""
    kept, rows_in = records[-1]["facts"]["rows"], records[0]["facts"]["rows_in"]
    return DataInfo(name, declared.origin, how, rows_in, kept, drops, identity)


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
        for place, stage in enumerate(cell.trained):
            record = store.record(stage)
            if record is not None:
                facts, step = record["facts"], cell.cell.arm.train[place]
                curves = _curves(store.folder(stage))
                yield TrainingInfo(
                    cell.cell.arm.name, cell.cell.seed, facts["rows"], facts["tokens_trained"], facts["steps"],
                    facts["seconds"], facts["final_loss"], curves.pop("loss", []),
                    step=str(place + 1) if len(cell.trained) > 1 else "",
                    curves=curves, trainer=step.name, data=str(step.args.get("data", "")),
                )  # fmt: skip


_UNDRAWN = ("epoch", "step", "grad_norm", "learning_rate", "total_flos", "num_tokens")
_SUMMARY = "train_runtime"  # of the log's last entry, which is about the whole training


def _curves(artefact: Path) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) of what a training logged, by its name; an artefact without a log has none."""
    log, found = artefact / "log.jsonl", dict[str, list[tuple[int, float]]]()
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.is_file() else []
    for entry in entries:
        for name, value in entry.items() if "step" in entry and _SUMMARY not in entry else ():
            if name not in _UNDRAWN and isinstance(value, int | float):
                found.setdefault(name, []).append((entry["step"], value))
    return found


def doctor(graph: Graph, store: Store) -> Iterator[str]:
    """Yield the doctor's warnings."""
    for cell in graph.cells:
        for stage in cell.trained:
            record = store.record(stage.inputs["encoded"])
            if record is not None:
                yield from record["facts"]["warnings"]
    yield from _of_bases(graph, store)


def _of_bases(graph: Graph, store: Store) -> Iterator[str]:
    """Yield what was found on the bases that are trained, with the arms that it concerns."""
    arms: dict[str, dict[str, None]] = {}
    for cell in graph.cells:
        stage = cell.stages.get(EXAMINED)
        record = None if stage is None else store.record(stage)
        for one in record["facts"]["warnings"] if record is not None else ():
            arms.setdefault(one, {})[cell.cell.arm.name] = None
    for one, named in arms.items():
        listed, more = list(named)[:_NAMED], len(named) - _NAMED
        yield f"the base of {', '.join(listed)}{f' and {more} more' if more > 0 else ''}: {one}"


def matched(graph: Graph, store: Store) -> Iterator[str]:
    """Yield what data say of themselves: rows that found no partner of their length, sources that did not occur."""
    for name, stage in graph.data.items():
        record = store.record(stage)
        for one in record["facts"].get("warnings", ()) if record is not None else ():
            yield f"data {name}: {one}"


def failures(graph: Graph, store: Store) -> Iterator[FailureInfo]:
    """Yield the stages that failed, with the last lines of their logs."""
    seen: set[str] = set()
    for arm, seed, stage in _all_stages(graph):
        failure = None if stage.key in seen else store.failure(stage)
        seen.add(stage.key)
        if failure is not None and store.record(stage) is None:
            said, last = str(failure.get("message")), [str(line) for line in failure.get("last_lines", [])]
            yield FailureInfo(arm, seed, stage.title, said, last)


def _all_stages(graph: Graph) -> Iterator[tuple[str, int | None, Any]]:
    """Yield every stage with the arm and seed that it is of; of a judge its name stands in the arm's place."""
    for cell in graph.cells:
        arm, seed = cell.cell.arm.name, cell.cell.seed
        asked = (suite.prompts for suite in cell.suites)
        yield from ((arm, seed, stage) for stage in (*graph.data.values(), *asked, *cell.stages.values()))
    for one in graph.judged:
        yield from ((f"judge {one.judge}", one.seed, stage) for stage in (one.prompts, one.answers, one.ranks))
    yield from ((f"data {one.data}", one.seed, one.rows) for one in graph.built)


def missing(graph: Graph, store: Store) -> Iterator[str]:
    """Yield, in words, which suites were not measured in which cells, arm by arm.

    Of an arm without any result it says nothing: the report names these itself, where others have some.
    """
    lacking = [(cell, suite, _lacking(suite, store)) for cell in graph.cells for suite in cell.suites]
    measured = {cell.cell.arm.name for cell, suite, names in lacking if len(names) < len(suite.scores)}
    if not measured:
        yield "Nothing was measured yet."
    for cell, suite, names in lacking:
        if names and cell.cell.arm.name in measured:
            seed = "" if cell.cell.seed is None else f", seed {cell.cell.seed}"
            yield f"{cell.cell.arm.name}{seed}: {suite.name} was not measured ({', '.join(names)})"


def _lacking(suite: WiredSuite, store: Store) -> list[str]:
    return [name for name, stage in suite.scores.items() if store.record(stage) is None]
