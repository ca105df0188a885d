"""Checkpoints of a training in progress: the newest whole one, and none that would wedge a resume."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from leaven.errors import ModelError

_SEAL = "seen.json"


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint whose every file is as it was written; others, half-written or torn, are deleted."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if _is_whole(path):
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=_step, default=None)


def seal(checkpoint: Path, seen: dict[str, int], seconds: float, sharded: str = "") -> None:
    """Close a checkpoint: fsync its files, write their hashes and what the run had seen; older ones may go then.

    ``sharded`` says how its weights are cut over processes, nothing where they are whole.
    """
    files = {path.relative_to(checkpoint).as_posix(): path for path in sorted(checkpoint.rglob("*")) if path.is_file()}
    for path in files.values():
        _fsync(path)
    beside = checkpoint / f".{_SEAL}"
    hashes = {name: _sha256(path) for name, path in files.items()}
    told = {"seen": seen, "seconds": seconds, **({"sharded": sharded} if sharded else {}), "files": hashes}
    beside.write_text(json.dumps(told), encoding="utf-8")
    _fsync(beside)
    beside.replace(checkpoint / _SEAL)
    for folder in (checkpoint, checkpoint.parent):
        _fsync(folder)
    for older in checkpoint.parent.glob("checkpoint-*"):
        if older != checkpoint:
            shutil.rmtree(older)


def load_seen(checkpoint: Path) -> tuple[dict[str, int], float]:
    """Return what the run had seen when it wrote this checkpoint, and the seconds it had taken."""
    found = _read(checkpoint)
    return found["seen"], found["seconds"]


def prove_spread(checkpoint: Path, sharded: str) -> None:
    """Raise ModelError if a checkpoint's weights are cut in another way than the training's that would go on."""
    written = _read(checkpoint).get("sharded", "")
    if written != sharded:
        kinds = [kind or "whole weights" for kind in (written, sharded)]
        raise ModelError(
            f"{checkpoint.name} of this training is of {kinds[0]}, and it would go on with {kinds[1]}; launch it as "
            f"before, or delete {checkpoint} to begin anew"
        )


def forget(folder: Path) -> None:
    """Delete every checkpoint: a training that diverged must not be gone on with."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    try:
        files = _read(path)["files"]
        return all(_sha256(path / name) == digest for name, digest in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _read(checkpoint: Path) -> Any:
    return json.loads((checkpoint / _SEAL).read_text(encoding="utf-8"))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _step(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1
