"""What a run leaves in its folder: events, links for people, measurements, comparisons, provenance, the page."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import audit as audits
from leaven import gather
from leaven import lock as locks
from leaven import rows as tables
from leaven.engine.files import guarding, replacing, write_json
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.findings import DataInfo, Findings
from leaven.stats.analyse import analyse

if TYPE_CHECKING:
    import pandas as pd

_PACKAGES = ("leaven", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy", "scipy")
OnEvent = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Answer:
    """What a run came to: the page, and its sentences for the terminal."""

    page: Path
    sentences: list[str]
    data: list[str]
    warnings: list[str]


def findings(graph: Graph, store: Store, folder: Path) -> Findings:
    """Return everything the page shows, from what the store has now; writes nothing."""
    table = gather.measurements(graph, store)
    ledgers, lock = list(gather.ledgers(graph, store)), locks.read(folder)
    labels, lost = audits.labels(folder, table)
    comparisons, analyses = analyse(
        _compared(table, gather.values_beside(graph)),
        gather.questions(graph, lock, metrics=gather.metrics(graph), ledgers=ledgers, labels=labels),
    )
    provenance = provenance_of(graph, store)
    found = gather.findings(
        graph, store, table, comparisons, analyses,
        ledgers=ledgers, provenance=_for_people(provenance), lock=locks.info(lock, graph.study.compare),
    )  # fmt: skip
    more = [*_different_code(provenance), *_gone(graph, store), *_unheard(lost)]
    return replace(found, warnings=[*found.warnings, *more])


def write(graph: Graph, store: Store, folder: Path) -> Answer:
    """Write the answer from what the store has now. Whole files replace whole files."""
    import pyarrow as pa

    from leaven.report.answer import answer
    from leaven.report.page import render

    found = findings(graph, store, folder)
    with replacing(folder / "measurements.parquet") as beside:
        tables.write(beside, "measurements", pa.Table.from_pandas(found.measurements, preserve_index=False))
    write_json(folder / "comparisons.json", [comparison.as_dict() for comparison in found.comparisons])
    write_json(folder / "analyses.json", found.analyses.as_dict())
    write_json(folder / "provenance.json", provenance_of(graph, store))
    with replacing(folder / "report.html") as beside:
        beside.write_text(render(found), encoding="utf-8")
    return Answer(folder / "report.html", answer(found), [_used(data) for data in found.data], list(found.warnings))


def _compared(table: pd.DataFrame, beside: set[tuple[str, str]]) -> pd.DataFrame:
    """Return the measurements without what is only printed beside them."""
    named = table["suite"].astype(str) + "/" + table["metric"].astype(str)
    kept: pd.DataFrame = table[~named.isin({f"{suite}/{metric}" for suite, metric in beside})]
    return kept


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
                    stream.write(json.dumps({"time": _now(), **event}, ensure_ascii=False) + "\n")
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


def made_by() -> dict[str, Any]:
    """Return what makes results here and now: versions, commit, machine. It is recorded, and enters no key."""
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        **_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> dict[str, Any]:
    """Return commit and dirty flag where Leaven runs from a checkout of its own."""
    here = str(Path(__file__).parent)
    try:
        commit = _git(here, "rev-parse", "HEAD")
        tracked = _git(here, "ls-files", "--error-unmatch", Path(__file__).name)
        dirty = bool(_git(here, "status", "--porcelain", "--untracked-files=no", "."))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit if tracked else None, "dirty": dirty}


def _git(where: str, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, and a path of our own
        ["git", "-C", where, *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def provenance_of(graph: Graph, store: Store) -> dict[str, Any]:
    """Return, per stage, its key, what made it and what it cost."""
    stages: dict[str, Any] = {}
    for cell in graph.cells:
        for name, stage in cell.stages.items():
            record = store.record(stage)
            if record is not None:
                place = f"{cell.cell.arm.name}/{cell.cell.seed}/{name}"
                stages[place] = {
                    "key": stage.key,
                    "made_by": record["made_by"],
                    "began_by": record.get("began_by", []),
                    "cost": record["cost"],
                    "device": record["facts"].get("device"),
                    "threads": record["made_by"]["threads"],
                }
    return {"written": _now(), "made_by": made_by(), "stages": stages}


def _for_people(provenance: dict[str, Any]) -> dict[str, str]:
    made = provenance["made_by"]
    wall = sum({stage["key"]: stage["cost"]["wall_s"] for stage in provenance["stages"].values()}.values())
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items() if version)
    commit = made["commit"] or "unknown (not a git checkout)"
    keys = sorted({f"{place}: {stage['key']}" for place, stage in provenance["stages"].items()})
    return {
        "written": provenance["written"],
        "versions": f"Python {made['python']}, {versions}",
        "commit": f"{commit}{', with local changes' if made['dirty'] else ''}",
        "machine": made["machine"],
        "time": f"{wall:.0f} s in {len({stage['key'] for stage in provenance['stages'].values()})} stages",
        "keys": "; ".join(keys),
    }


def _different_code(provenance: dict[str, Any]) -> list[str]:
    """Warn where results that are compared were made by different code, or trained in different circumstances."""
    stages = provenance["stages"].values()
    makers = [maker for one in stages for maker in (one["made_by"], *one["began_by"])]
    code = {json.dumps([maker[what] for what in ("versions", "commit", "dirty")]) for maker in makers}
    where = {json.dumps([one["device"], one["threads"]]) for one in stages if one["device"] is not None}
    said = []
    if len(code) > 1:
        said.append(f"results of {len(code)} different versions of the code are compared; provenance.json says which")
    if len(where) > 1:
        said.append(
            f"arms were trained or asked on different devices or numbers of threads: {'; '.join(sorted(where))}"
        )
    return said


def _gone(graph: Graph, store: Store) -> list[str]:
    """Warn where a run was measured, but the record of its training is gone: the page cannot count that training."""
    trained = [cell for cell in graph.cells if cell.cell.arm.train]
    lost = [
        f"{cell.cell.arm.name}/{cell.cell.seed}"
        for cell in trained
        if store.record(cell.trained[-1]) is None and any(store.record(one.told) is not None for one in cell.suites)
    ]
    return (
        [f"the trained models of {', '.join(lost)} are gone: their trainings are missing on this page"] if lost else []
    )


def _unheard(lost: int) -> list[str]:
    """Warn where labels of an audit are of answers that are no longer there."""
    return (
        [f"{lost} labels of the audit are of answers that are not there any more; they count for nothing"]
        if lost
        else []
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
