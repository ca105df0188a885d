"""What a run leaves in its folder: events, links for people, measurements, comparisons, provenance, the page."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import audit as audits
from leaven import gather, provenance
from leaven import lock as locks
from leaven import rows as tables
from leaven.engine.files import guarding, replacing, write_json
from leaven.engine.stage import closure
from leaven.engine.store import Store
from leaven.errors import ReportError
from leaven.graph import Graph
from leaven.report import scored
from leaven.report.findings import DataInfo, Findings
from leaven.stats.analyse import analyse

if TYPE_CHECKING:
    import pandas as pd

OnEvent = Callable[[dict[str, Any]], None]
_CELL = ["arm", "seed", "suite", "metric"]


@dataclass(frozen=True)
class Answer:
    """What a run came to: the page with all it shows, and its sentences for the terminal."""

    page: Path
    found: Findings
    sentences: list[str]
    data: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class GoesOn:
    """How a run goes on: its command in words, and whether a run is at work just now."""

    command: str
    at_work: bool = False


def findings(graph: Graph, store: Store, folder: Path, on: GoesOn) -> Findings:
    """Return everything the page shows, from what the store has now; writes nothing.

    What the store lacks of the answer that is there is a warning; raises ReportError where it has nothing of it at all.
    """
    table = gather.measurements(graph, store)
    lacks = None if on.at_work else _lacks(folder, store, table, on)
    if lacks and table.empty:
        raise ReportError(lacks)
    found = _found(graph, store, folder, provenance.of(graph, store), on, table)
    return replace(found, warnings=[lacks, *found.warnings]) if lacks else found


def _found(graph: Graph, store: Store, folder: Path, made: dict[str, Any], on: GoesOn, table: pd.DataFrame) -> Findings:
    ledgers, lock = list(gather.ledgers(graph, store)), locks.read(folder)
    labels, lost = audits.labels(folder, table)
    thin = gather.thin(table, graph.averages)
    comparisons, analyses = analyse(
        scored.without(table, gather.values_beside(graph)),
        gather.questions(
            graph,
            lock,
            metrics=gather.metrics(graph),
            ledgers=ledgers,
            labels=labels,
            predictions=gather.predictions(graph, store),
            thin=thin,
        ),
    )
    found = gather.findings(
        graph, store, table, comparisons, analyses,
        ledgers=ledgers, provenance=provenance.for_people(made), lock=locks.info(lock, graph.study, graph),
    )  # fmt: skip
    more = [
        *provenance.different_code(made),
        *_gone(graph, store),
        *_unheard(lost),
        *_unlocked(folder, lock),
        *_thin(thin),
    ]
    return replace(found, is_study=True, warnings=[*found.warnings, *more], unfinished=_unfinished(graph, store, on))


def write(graph: Graph, store: Store, folder: Path, on: GoesOn) -> Answer:
    """Write the answer from what the store has now. Whole files replace whole files.

    Raises ReportError, and writes nothing, where the answer that is there has measurements that the store lacks: it may
    be the only copy of them.
    """
    import pyarrow as pa

    from leaven.report.answer import answer
    from leaven.report.page import render

    table, made = gather.measurements(graph, store), provenance.of(graph, store)
    if lacks := _lacks(folder, store, table, on):
        raise ReportError(lacks)
    found = _found(graph, store, folder, made, on, table)
    page = render(found)  # before anything is replaced
    with replacing(folder / "measurements.parquet") as beside:
        tables.write(beside, "measurements", pa.Table.from_pandas(found.measurements, preserve_index=False))
    write_json(folder / "comparisons.json", [comparison.as_dict() for comparison in found.comparisons])
    write_json(folder / "analyses.json", found.analyses.as_dict())
    write_json(folder / "provenance.json", made)
    with replacing(folder / "report.html") as beside:
        beside.write_text(page, encoding="utf-8")
    used = [_used(data) for data in found.data]
    return Answer(folder / "report.html", found, answer(found), used, list(found.warnings))


def _thin(thin: dict[str, str]) -> list[str]:
    return [f"{name}/average: “no change” cannot be said, {why} documents" for name, why in thin.items()]


def _lacks(folder: Path, store: Store, table: pd.DataFrame, on: GoesOn) -> str | None:
    """Say how much of what an answer that is there was made from is not in the store any more; None if all is."""
    there, now = _measured_in(folder), _cells(table)
    if there <= now:
        return None
    has = f"only {len(there & now)}" if there & now else "none"
    remedy = f"bring the store of its workspace, or {on.command} makes them again"
    return (
        f"{folder}: the store {store.root} has {has} of the {len(there)} results that the answer there was made from;"
        f" that answer is kept as it is; {'a run is at work, wait for it' if on.at_work else remedy}"
    )


def _measured_in(folder: Path) -> set[tuple[str, ...]]:
    """Return the cells of the answer that is there; none where there is no answer that can be read."""
    import pandas as pd

    try:
        return _cells(pd.read_parquet(folder / "measurements.parquet", columns=_CELL))
    except (OSError, ValueError):
        return set()


def _cells(table: pd.DataFrame) -> set[tuple[str, ...]]:
    seen = table[_CELL].drop_duplicates()
    seeds = seen["seed"].astype("Float64").astype("string").fillna("untrained")  # whole numbers, or floats with nulls
    return set(seen.assign(seed=seeds).itertuples(index=False, name=None))


def _unfinished(graph: Graph, store: Store, on: GoesOn) -> str | None:
    """Say how far a run is that is not at its end, and how it goes on; None where all that was asked is there."""
    if all(store.record(stage) is not None for stage in graph.targets):
        return None
    states = [store.state(stage) for stage in closure(graph.targets)]
    failed = [f"{states.count('failed')} failed"] if "failed" in states else []
    said = ", ".join([f"{states.count('done')} of {len(states)} stages are done", *failed])
    return f"{said}; {'a run is at work' if on.at_work else f'{on.command} goes on'}."


def _used(data: DataInfo) -> str:
    """Say how many rows of a source were used, and why the others were not."""
    share = f"{data.kept / data.rows_in:.1%}" if data.rows_in else "none"
    reasons = ", ".join(f"{count} {reason}" for reason, count in data.drops.items())
    return f"{data.name}: {data.kept} of {data.rows_in} rows used ({share})" + (
        f"; left out: {reasons}" if reasons else ""
    )


@contextmanager
def events(folder: Path, on_event: OnEvent) -> Iterator[OnEvent]:
    """Append each event to ``events.jsonl``, if no other driver is writing it, and pass it on."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(folder / ".events.lock"))
    try:
        with guarding(folder):
            lock.acquire(timeout=0)
    except Timeout:  # another driver works on this study too, and writes; the stages' locks divide the work
        yield on_event
        return
    try:
        with (folder / "events.jsonl").open("a", encoding="utf-8", buffering=1) as stream:

            def note(event: dict[str, Any]) -> None:
                with guarding(folder):
                    stream.write(json.dumps({"time": provenance.now(), **event}, ensure_ascii=False) + "\n")
                on_event(event)

            yield note
    finally:
        lock.release()


def link(graph: Graph, store: Store, folder: Path) -> None:
    """Link ``<arm>/<seed>/<stage>`` to the results, for people; a file system without links goes without."""
    for cell in graph.cells:
        place = folder / cell.cell.arm.name / ("untrained" if cell.cell.seed is None else str(cell.cell.seed))
        for made in (place.parent, place):  # never the run's own folder: what was removed must not come back empty
            made.mkdir(exist_ok=True)
        for name, stage in cell.stages.items():
            _link(place / name, store.folder(stage))


def _link(place: Path, target: Path) -> None:
    relative = os.path.relpath(target.resolve(), place.parent.resolve())
    if place.is_symlink() and os.readlink(place) == relative:
        return
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(relative)
    except OSError:  # no links on this file system: the store's folders are all that is needed
        return


def _gone(graph: Graph, store: Store) -> list[str]:
    """Warn where a run was measured, but the record of its training is gone: the page cannot count that training."""
    trained = [(cell, cell.artefact) for cell in graph.cells if cell.artefact is not None]
    lost = [
        f"{cell.cell.arm.name}/{cell.cell.seed}"
        for cell, artefact in trained
        if store.record(artefact) is None and any(store.record(one.told) is not None for one in cell.suites)
    ]
    return (
        [f"the trained models of {', '.join(lost)} are gone: their trainings are missing on this page"] if lost else []
    )


def _unlocked(folder: Path, lock: locks.Lock | None) -> list[str]:
    """Warn where there is a lock that was edited or cut off: what was declared before results cannot be told."""
    broken = lock is None and (folder / locks.FILE).exists()
    return (
        [f"{locks.FILE} is damaged or was edited: nobody can tell what was declared before results"] if broken else []
    )


def _unheard(lost: int) -> list[str]:
    """Warn where labels of an audit are of answers that are no longer there."""
    return (
        [f"{lost} labels of the audit are of answers that are not there any more; they count for nothing"]
        if lost
        else []
    )
