"""One folder per result; the folder's rename into place means done. The folder is the only truth.

    store/<kind>/<key>/record.json          done: what made it, and every file with size and sha256
    store/<kind>/<key>.failed.json          failed: the message and the log's last lines
    store/<kind>/.partial-<key>/            work in progress, kept after a crash so that a trainer resumes
    store/<kind>/.partial-<key>.lock        held by flock while running: the kernel lets go when the holder dies

A record is written last inside the partial folder, all is fsynced, then the folder is renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from leaven.engine.stage import Addressed

RECORD = "record.json"
LOG = "stage.log"
_UNHASHED = {RECORD, LOG}


class Store:
    """The results of a workspace, on a local or shared file system."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def folder(self, stage: Addressed) -> Path:
        """Where the result lies once it is done."""
        return self.root / stage.kind / stage.key

    def partial(self, stage: Addressed) -> Path:
        """Where the work happens."""
        return self.root / stage.kind / f".partial-{stage.key}"

    def lock(self, stage: Addressed) -> BaseFileLock:
        """The flock that whoever runs the stage holds; the holder's death releases it."""
        from filelock import FileLock

        return FileLock(f"{self._prepared(stage)}.lock")

    def record(self, stage: Addressed) -> dict[str, Any] | None:
        """Return the record of a result that is there and whole by its files' sizes, else None."""
        found = _read_json(self.folder(stage) / RECORD)
        if found is None or _damage(self.folder(stage), found, deep=False):
            return None
        return found

    def damage(self, stage: Addressed) -> str | None:
        """Say what is wrong with a result that is there, comparing every file's sha256; None if it is whole."""
        folder = self.folder(stage)
        if not folder.exists():
            return None
        found = _read_json(folder / RECORD)
        if found is None:
            return f"{RECORD} is missing or no JSON object"
        return _damage(folder, found, deep=True)

    def discard(self, stage: Addressed) -> None:
        """Remove a result (a damaged one, say). Call it with the stage's lock held."""
        doomed = self.folder(stage).with_name(f".doomed-{stage.key}-{os.getpid()}")
        try:
            self.folder(stage).rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed)

    def failure(self, stage: Addressed) -> dict[str, Any] | None:
        """Return what is known of the stage's last failure, None if it did not fail."""
        return _read_json(self._failed(stage))

    def fail(self, stage: Addressed, message: str, last_lines: list[str]) -> None:
        """Note that a stage failed; the partial folder stays."""
        self._prepared(stage)
        try:
            write_json(self._failed(stage), {"title": stage.title, "message": message, "last_lines": last_lines})
        except OSError:  # a full disk must not hide the failure itself, which the driver reports and counts
            return

    def forget_failure(self, stage: Addressed) -> None:
        """Drop the note of an earlier failure: the stage is tried again."""
        self._failed(stage).unlink(missing_ok=True)

    def begin(self, stage: Addressed) -> Path:
        """Return the partial folder, made if need be; an earlier attempt's files are still in it."""
        partial = self._prepared(stage)
        partial.mkdir(exist_ok=True)
        return partial

    def commit(self, stage: Addressed, record: dict[str, Any]) -> None:
        """Make the partial folder the result: hash, write the record, fsync, rename."""
        partial = self.partial(stage)
        files = {name: {"size": path.stat().st_size, "sha256": _sha256(path)} for name, path in _files(partial)}
        write_json(partial / RECORD, {**record, "key": stage.key, "files": files})
        for _, path in _files(partial):
            _fsync(path)
        for folder in {partial, *(path.parent for _, path in _files(partial))}:
            _fsync(folder)
        partial.rename(self.folder(stage))
        _fsync(partial.parent)
        self.forget_failure(stage)

    def log_tail(self, stage: Addressed, lines: int = 12) -> list[str]:
        """Return the last lines that the stage printed, from its partial folder or its result."""
        for folder in (self.partial(stage), self.folder(stage)):
            try:
                text = (folder / LOG).read_text(errors="replace")
            except OSError:
                continue
            return text.replace("\r", "\n").splitlines()[-lines:]
        return []

    def _failed(self, stage: Addressed) -> Path:
        return self.root / stage.kind / f"{stage.key}.failed.json"

    def _prepared(self, stage: Addressed) -> Path:
        try:
            (self.root / stage.kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.root}: cannot write there ({error.strerror}); choose a --workspace") from error
        return self.partial(stage)


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that readers see the old file or the new one, never half."""
    with replacing(path) as beside:
        beside.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to; fsync and rename it into place at the end. Safe with several writers."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        _fsync(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _damage(folder: Path, record: dict[str, Any], *, deep: bool) -> str | None:
    files = record.get("files")
    if not isinstance(files, dict):
        return f"{RECORD} lists no files"
    for name, about in files.items():
        try:
            path = folder / name
            if path.stat().st_size != about["size"]:
                return f"{name} has another size than recorded"
            if deep and _sha256(path) != about["sha256"]:
                return f"{name} has another content than recorded"
        except OSError:
            return f"{name} is missing or unreadable"
        except (TypeError, KeyError):
            return f"{RECORD} describes {name} in a way that cannot be read"
    return None


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not (path.parent == folder and path.name in _UNHASHED):
            yield path.relative_to(folder).as_posix(), path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
