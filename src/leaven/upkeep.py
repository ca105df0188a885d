"""Looking after a workspace: how far its runs are, one stage alone, and what no run needs any more.

Studies are not read here, and nothing heavy is imported: all is told by the folders.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import adopted
from leaven import workspace as workspaces
from leaven.engine.files import guarding, trouble
from leaven.engine.key import LENGTH
from leaven.engine.stage import Address, Task
from leaven.engine.store import Store
from leaven.errors import ReportError, StageError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = rf"[0-9a-f]{{{LENGTH}}}"
_LEFT = re.compile(rf"(?P<partial>\.partial-)?(?P<key>{_KEY})(?P<note>\.failed\.json|\.lock)?")
_DOOMED = ".doomed-"
_SHOWN = 12  # of a key, in commands that a person copies


@dataclass(frozen=True)
class Status:
    """A run's stages with the state that each is in now."""

    folder: Path
    stages: tuple[tuple[Task, str], ...]

    def of(self, state: str) -> list[Task]:
        """Return the stages that are ``done``, ``running``, ``failed``, ``begun`` or ``absent``."""
        return [task for task, found in self.stages if found == state]


def status(folder: Path, store: Store) -> Status:
    """Look at every stage that a run names; raises ReportError if the run does not say which."""
    return Status(folder, tuple((task, store.state(task)) for task in workspaces.named_stages(folder)))


def told(stages: Iterable[tuple[Task, str]]) -> Iterator[tuple[str, str]]:
    """Yield each stage's key and its state in people's words; what rests on a failed stage is blocked.

    ``stages`` stand behind their inputs. What was begun and stopped is ``begun``, what nobody began ``waiting``.
    """
    known: dict[str, str] = {}
    for task, found in stages:
        barred = any(known.get(key) in ("failed", "blocked") for _, key in task.inputs.values())
        to_come = "waiting" if found == "absent" else found
        known[task.key] = "blocked" if barred and found in ("absent", "begun") else to_come
        yield task.key, known[task.key]


def titles(workspace: Path) -> dict[str, str]:
    """Return key -> title of every stage that a run of the workspace names."""
    return {task.key: task.title for folder in workspaces.runs(workspace) for task in workspaces.named_stages(folder)}


def missing(task: Task, workspace: Path) -> list[str]:
    """Say which inputs of a stage are not there whole, each with the command that makes it."""
    store, known, said = workspaces.store(workspace), titles(workspace), []
    for name, (kind, key) in task.inputs.items():
        one = Address(kind, key, known.get(key, name))
        damage = store.damage(one)
        if damage is not None or store.record(one) is None:
            remedy = workspaces.command(workspace, "stage", key[:_SHOWN], *([] if damage is None else ["--again"]))
            said.append(f"{one.title} ({'damaged' if damage else 'not there'}: `{remedy}`)")
    return said


def make(
    task: Task, workspace: Path, made_by: dict[str, Any], *, again: bool = False, on_start: Callable[[], None]
) -> bool:
    """Make one stage in this process, its output where this process's goes; False if its result is there already.

    ``again`` discards that result first. Raises StageError if inputs are missing or somebody else is at work on the
    stage, StoreError if the disk is the trouble, and else whatever the verb raises, once that is noted in the store.
    """
    from filelock import Timeout

    store = workspaces.store(workspace.resolve())
    if not again and store.record(task) is not None:
        return False
    if said := missing(task, workspace):
        raise StageError(f"{task.title} waits for {', '.join(said)}")
    try:
        held = store.lock(task).acquire(timeout=0)
    except Timeout as error:
        raise StageError(f"{task.title} is being made by somebody else just now; wait for it, or stop it") from error
    with held:
        if not again and store.record(task) is not None:
            return False
        (store.forget if again else store.discard)(task)
        on_start()
        _attempt(task, store, made_by)
    return True


def _attempt(task: Task, store: Store, made_by: dict[str, Any]) -> None:
    from leaven.engine.perform import attempt, message

    partial = store.begin(task)
    store.forget_failure(task)
    try:
        attempt(task, store, partial, made_by)
    except Exception as error:
        if (said := trouble(error, store.root)) is not None:
            raise StoreError(said) from error
        store.fail(task, message(error), [])
        raise


@dataclass(frozen=True)
class Garbage:
    """Something in the store that no run names: what it is, why it may go, and its size in bytes."""

    path: Path
    kind: str
    key: str
    why: str
    size: int


def garbage(workspace: Path) -> list[Garbage]:
    """Return what no run of the workspace names and nobody is at work on; removes nothing.

    Raises StoreError if a run does not say which stages it names: what it needs cannot be told then.
    """
    needed, store = _needed(workspace), workspaces.store(workspace)
    with guarding(store.root):
        found = [one for kind in _folders(store.root) for one in _left_over(kind)]
    unnamed = [one for one in found if (one.kind, one.key) not in needed]
    busy = {(one.kind, one.key) for one in unnamed if store.running(Address(one.kind, one.key))}
    return [one for one in unnamed if (one.kind, one.key) not in busy]


def collect(workspace: Path) -> list[Garbage]:
    """Remove what no run names; returns what was removed. No run is planned meanwhile."""
    store = workspaces.store(workspace)
    gone: list[Garbage] = []
    with workspaces.alone(workspace), guarding(store.root):
        for one in garbage(workspace):
            if _doom(one, store):
                gone.append(one)
    for kind in _folders(store.root):
        for doomed in _entries(kind, _DOOMED):
            shutil.rmtree(doomed.path, ignore_errors=True)
    return gone


def _doom(one: Garbage, store: Store) -> bool:
    """Take something out of the store's sight, unless somebody began to work on it meanwhile."""
    from filelock import Timeout

    if one.path.name.startswith(_DOOMED):
        return True
    address = Address(one.kind, one.key)
    try:
        with store.lock(address).acquire(timeout=1):
            if one.path.is_dir():
                one.path.rename(one.path.with_name(f"{_DOOMED}{one.path.name.lstrip('.')}-{secrets.token_hex(4)}"))
            else:
                one.path.unlink(missing_ok=True)
    except Timeout:
        return False
    return True


def _needed(workspace: Path) -> set[tuple[str, str]]:
    """Return kind and key of all that a run names or that was adopted."""
    needed = {(adopted.KIND, key) for key in adopted.names(workspace).values()}
    for folder in _run_folders(workspace):
        try:
            tasks = workspaces.named_stages(folder)
        except ReportError as error:
            raise StoreError(f"nothing is removed, because what a run needs cannot be told: {error}") from error
        needed |= {(task.kind, task.key) for task in tasks}
        kept = (workspace / "store" / adopted.KIND).resolve()
        paths = [Path(path) for task in tasks for path in task.needs["paths"].values()]
        needed |= {(adopted.KIND, path.relative_to(kept).parts[0]) for path in paths if path.is_relative_to(kept)}
    return needed


def _run_folders(workspace: Path) -> Iterable[Path]:
    """Return every folder that is a run, or was about to become one."""
    return sorted({*workspaces.runs(workspace), *(path.parent for path in workspace.glob(f"*/{workspaces.STAGES}"))})


def _left_over(kind: os.DirEntry[str]) -> Iterator[Garbage]:
    """Yield all that lies in a kind's folder by its key, and what is left of removals; locks alone are nothing."""
    for entry in _entries(kind):
        found = _LEFT.fullmatch(entry.name)
        if entry.name.startswith(_DOOMED):
            yield _one(entry, kind, "", "what is left of a removal that was cut off")
        elif found is not None and found["note"] != ".lock":
            yield _one(entry, kind, found["key"], _why(found))


def _why(found: re.Match[str]) -> str:
    if found["partial"]:
        return "begun and not finished, and no run names it"
    return "a failure's note, and no run names the stage" if found["note"] else "no run names it"


def _one(entry: os.DirEntry[str], kind: os.DirEntry[str], key: str, why: str) -> Garbage:
    return Garbage(Path(entry.path), kind.name, key, why, _size(Path(entry.path)))


def _size(path: Path) -> int:
    total = 0
    for file in (path, *path.rglob("*")):
        try:
            total += 0 if file.is_dir() else file.lstat().st_size
        except OSError:  # removed while we looked: a removal under way
            continue
    return total


def _folders(root: Path) -> list[os.DirEntry[str]]:
    """Return the kinds' folders of a store; none where there is no store."""
    if not root.is_dir():
        return []
    return sorted((one for one in os.scandir(root) if one.is_dir() and one.name[0] != "."), key=lambda one: one.name)


def _entries(kind: os.DirEntry[str], prefix: str = "") -> list[os.DirEntry[str]]:
    return sorted((one for one in os.scandir(kind.path) if one.name.startswith(prefix)), key=lambda one: one.name)
