"""One folder per result; the folder's rename into place means done. The folder is the only truth.

    store/<kind>/<key>/record.json          done: what made it, and every file with size and sha256
    store/<kind>/<key>.failed.json          failed: the message and the log's last lines
    store/<kind>/.partial-<key>/            work in progress
    store/<kind>/.partial-<key>/resume/     what the next attempt goes on from; all else it writes anew
    store/<kind>/<key>/logs/                for people (curves, say), from every attempt: kept, and part of no result
    store/<kind>/.partial-<key>.lock        held by flock while running: the kernel lets go when the holder dies

A record is written last inside the partial folder, all is fsynced, then the folder is renamed. Nothing here looks at
a clock, so none that jumps can confuse it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.engine.files import fsync, guarding, is_held, read_json, read_sealed, sha256, write_json, write_sealed
from leaven.engine.quoted import quoted

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from leaven.engine.stage import Addressed

RECORD = "record.json"
LOG = "stage.log"
RESUME = "resume"
LOGS = "logs"
PROGRESS = "progress.json"  # in the resume folder: how far a running stage is
MAKERS = "made_by.json"  # in the resume folder: who worked there
_UNHASHED = {RECORD, LOG}
_TAIL_BYTES = 64 * 1024


class Store:
    """The results of a workspace, on a local or shared file system."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def open(self) -> None:
        """Make the store's folder if there is none; raises StoreError where none can be made."""
        with guarding(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def folder(self, stage: Addressed) -> Path:
        """Where the result lies once it is done."""
        return self.root.joinpath(stage.kind, stage.key)  # in one go: plans and status make thousands

    def partial(self, stage: Addressed) -> Path:
        """Where the work happens."""
        return self.root / stage.kind / f".partial-{stage.key}"

    def lock(self, stage: Addressed) -> BaseFileLock:
        """The flock that whoever runs the stage holds; the holder's death releases it."""
        from filelock import FileLock

        return FileLock(f"{self._prepared(stage)}.lock")

    def running(self, stage: Addressed) -> bool:
        """Say whether somebody is at work on a stage at this moment."""
        return is_held(Path(f"{self.partial(stage)}.lock"))

    def state(self, stage: Addressed) -> str:
        """Return ``done``, ``running``, ``failed``, ``begun`` or ``absent``, as the folder has it now."""
        if self.record(stage) is not None:
            return "done"
        if self.running(stage):
            return "running"
        if self.record(stage) is not None:  # done between the two looks
            return "done"
        if self.failure(stage) is not None:
            return "failed"
        return "begun" if self.partial(stage).exists() else "absent"

    def record(self, stage: Addressed) -> dict[str, Any] | None:
        """Return the record of a result that is there and whole by its files' sizes, else None."""
        folder = self.folder(stage)
        found = read_sealed(folder / RECORD)
        if found is None or _damage(folder, found, deep=False):
            return None
        return found

    def records(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield what the records of a kind say, whole or not: for people, not for use as results."""
        try:
            keys = sorted(entry.name for entry in os.scandir(self.root / kind) if not entry.name.startswith("."))
        except OSError:
            return
        yield from (found for key in keys if (found := read_sealed(self.root / kind / key / RECORD)) is not None)

    def damage(self, stage: Addressed) -> str | None:
        """Say what is wrong with a result that is there, comparing every file's sha256; None if it is whole."""
        folder = self.folder(stage)
        if not folder.exists():
            return None
        found = read_sealed(folder / RECORD)
        if found is None:
            return f"{RECORD} is missing, torn or edited"
        if found.get("key") != stage.key:
            return f"{RECORD} is that of another result"
        return _damage(folder, found, deep=True)

    def discard(self, stage: Addressed) -> None:
        """Remove a result (a damaged one, say). Call it with the stage's lock held."""
        doomed = self.folder(stage).with_name(f".doomed-{stage.key}-{secrets.token_hex(4)}")
        try:
            self.folder(stage).rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)  # out of sight already; `gc` takes what is left

    def forget(self, stage: Addressed) -> None:
        """Remove a result and all that attempts at it left, so that it is made from nothing. Hold its lock."""
        self.discard(stage)
        _remove(self.partial(stage))
        self.forget_failure(stage)

    def failure(self, stage: Addressed) -> dict[str, Any] | None:
        """Return what is known of the stage's last failure, None if it did not fail."""
        return read_json(self._failed(stage))

    def fail(self, stage: Addressed, message: str, last_lines: list[str]) -> None:
        """Note that a stage failed; the partial folder stays."""
        try:
            self._prepared(stage)
            write_json(self._failed(stage), {"title": stage.title, "message": message, "last_lines": last_lines})
        except OSError:  # a full disk must not hide the failure itself, which the driver reports and counts
            return

    def forget_failure(self, stage: Addressed) -> None:
        """Drop the note of an earlier failure: the stage is tried again."""
        self._failed(stage).unlink(missing_ok=True)

    def begin(self, stage: Addressed) -> Path:
        """Return the partial folder with what an earlier attempt may go on from; its half-made files are removed."""
        partial = self._prepared(stage)
        partial.mkdir(exist_ok=True)
        for left in partial.iterdir():
            if left.name not in (RESUME, LOGS):
                _remove(left)
        return partial

    def commit(self, stage: Addressed, record: dict[str, Any]) -> None:
        """Make the partial folder the result: hash, write the record, fsync, rename."""
        partial = self.partial(stage)
        files = {name: {"size": path.stat().st_size, "sha256": sha256(path)} for name, path in _files(partial)}
        write_sealed(partial / RECORD, {**record, "key": stage.key, "title": stage.title, "files": files})
        for _, path in _files(partial):
            fsync(path)
        for folder in {partial, *(path.parent for _, path in _files(partial))}:
            fsync(folder)
        partial.rename(self.folder(stage))
        fsync(partial.parent)
        # Only now: until the rename it is all that a crash would leave. What cannot be removed is in nobody's way.
        shutil.rmtree(self.folder(stage) / RESUME, ignore_errors=True)
        self.forget_failure(stage)

    def progress(self, stage: Addressed) -> dict[str, Any]:
        """Return how far a running stage says that it is; empty if it says nothing."""
        return read_json(self.partial(stage) / RESUME / PROGRESS) or {}

    def log_tail(self, stage: Addressed, lines: int = 12) -> list[str]:
        """Return the last telling lines that the stage printed, from its partial folder or its result."""
        for folder in (self.partial(stage), self.folder(stage)):
            try:
                with (folder / LOG).open("rb") as stream:
                    stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
                    text = stream.read().decode(errors="replace")
            except OSError:
                continue
            return quoted(text.replace("\r", "\n").splitlines(), lines)
        return []

    def _failed(self, stage: Addressed) -> Path:
        return self.root / stage.kind / f"{stage.key}.failed.json"

    def _prepared(self, stage: Addressed) -> Path:
        """Make the kind's folder, but not the store's: a store that was removed must not come back half empty."""
        (self.root / stage.kind).mkdir(exist_ok=True)
        return self.partial(stage)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _damage(folder: Path, record: dict[str, Any], *, deep: bool) -> str | None:
    files = record.get("files")
    if not isinstance(files, dict):
        return f"{RECORD} lists no files"
    for name, about in files.items():
        try:
            if os.stat(os.path.join(folder, name)).st_size != about["size"]:
                return f"{name} has another size than recorded"
            if deep and sha256(folder / name) != about["sha256"]:
                return f"{name} has another content than recorded"
        except OSError:
            return f"{name} is missing or unreadable"
        except (TypeError, KeyError, ValueError):
            return f"{RECORD} describes {name} in a way that cannot be read"
    return None


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        left_out = inside.parts[0] in (RESUME, LOGS) or (len(inside.parts) == 1 and path.name in _UNHASHED)
        if path.is_file() and not left_out:
            yield inside.as_posix(), path
