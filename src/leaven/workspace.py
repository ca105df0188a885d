"""A workspace's folders: where a run's answer lies, which stages it names, what was adopted."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from leaven.engine.files import guarding, is_held, write_json
from leaven.engine.stage import Stage, Task
from leaven.engine.store import Store
from leaven.errors import ReportError, StageError, did_you_mean

if TYPE_CHECKING:
    from leaven.study.spec import Study

DEFAULT = "runs"  # unless $LEAVEN_WORKSPACE says otherwise
STUDY = "study.yaml"
STAGES = ".stages.json"
IDENTITIES = ".identities.json"
ANSWER = ("report.html", "measurements.parquet", "comparisons.json", "analyses.json", "provenance.json")
EVENTS_LOCK = ".events.lock"  # held by the run that writes events.jsonl
_SHORTEST_KEY = 6


def place(workspace: str | Path | None = None) -> Path:
    """Return the workspace: the one given, else $LEAVEN_WORKSPACE, else ``runs``."""
    return Path(workspace if workspace is not None else os.environ.get("LEAVEN_WORKSPACE", DEFAULT))


def command(workspace: Path, *words: str) -> str:
    """Return a command for a person to copy; it names the workspace where that is not the usual one."""
    where = [] if workspace == place() else ["--workspace", str(workspace)]
    return shlex.join(["leaven", *words, *where])


def store(workspace: Path) -> Store:
    """Return the store of a workspace."""
    return Store(workspace / "store")


def study_folder(study: Study, workspace: Path) -> Path:
    """Return where a study's answer lies: its name, profile, and a short hash of its settings if it has any."""
    name = study.name + (f"@{study.profile}" if study.profile else "")
    if study.settings:
        name += "+" + hashlib.sha256("\n".join(study.settings).encode()).hexdigest()[:6]
    return workspace / name


def run_folder(name: str | Path, workspace: Path) -> Path:
    """Return the folder of a run by its name or path; raises ReportError that names what there is."""
    for folder in (workspace / name, Path(name)):
        if (folder / STUDY).is_file():
            return folder
    there = [folder.name for folder in runs(workspace)]
    remedy = did_you_mean(str(name), there) if there else f"there are no runs in {workspace}"
    raise ReportError(f"no run is called '{name}'; {remedy}")


def is_running(folder: Path) -> bool:
    """Say whether a run is at work in a run's folder at this moment."""
    return is_held(folder / EVENTS_LOCK)


def runs(workspace: Path) -> list[Path]:
    """Return the folders of all runs of a workspace."""
    return sorted(path.parent for path in workspace.glob(f"*/{STUDY}"))


def name_stages(folder: Path, stages: Iterable[Stage]) -> None:
    """Write which stages a run names: what ``status`` looks at, ``stage`` runs, and ``gc`` never touches."""
    write_json(folder / STAGES, [asdict(stage.task()) for stage in stages])


def named_stages(folder: Path) -> list[Task]:
    """Return the stages that a run names; raises ReportError if that cannot be read."""
    try:
        return [Task(**task) for task in json.loads((folder / STAGES).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ReportError(f"{folder / STAGES} cannot be read; run the study again, or remove {folder}") from error


def has_scores(folder: Path, store: Store) -> bool:
    """Say whether a run of this folder has had scores: in its answer, or in the store among what it last named.

    A list of stages that cannot be read tells nothing: then there may have been some.
    """
    if _answered(folder):
        return True
    if not (folder / STAGES).exists():
        return False
    try:
        return any(task.kind == "score" and store.record(task) is not None for task in named_stages(folder))
    except ReportError:
        return True


def _answered(folder: Path) -> bool:
    """Say whether a folder's answer has measurements; one that cannot be read may have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return bool(pq.read_metadata(folder / "measurements.parquet").num_rows)
    except FileNotFoundError:
        return False
    except (OSError, pa.ArrowException):
        return True


def find_stage(key: str, workspace: Path) -> Task:
    """Return the stage whose key begins so, or whose title is this, among all runs; raises StageError."""
    found = {
        task.key: (task, folder.name)
        for folder in runs(workspace)
        for task in named_stages(folder)
        if task.title == key or (len(key) >= _SHORTEST_KEY and task.key.startswith(key))
    }
    if len(found) == 1:
        return next(iter(found.values()))[0]
    if not found:
        raise StageError(f"no stage in {workspace} has the key or name '{key}'; `leaven status RUN --all` lists them")
    several = ", ".join(f"{task.key[:12]} ({task.title} of {run})" for task, run in found.values())
    raise StageError(f"'{key}' means several stages: {several}; give the key of one")


@contextmanager
def alone(workspace: Path) -> Iterator[None]:
    """Keep garbage collection and the planning of a run apart: none takes what the other has just counted on."""
    from filelock import FileLock

    with guarding(workspace):
        (workspace / "store").mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(workspace / "store" / ".lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
