"""Snapshots: a training at several points on its way, each a whole artefact beside what it ends with.

While the training runs they lie in the folder that the next attempt goes on from; at the end they move into the
artefact, as ``snapshots/<how far>/``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError

if TYPE_CHECKING:
    from leaven.train.job import Job

FOLDER = "snapshots"


def folder_of(artefact: Path, at: float) -> Path:
    """Return a snapshot's folder; raises ModelError, with those that there are, if the artefact has none of it."""
    found = artefact / FOLDER / f"{at:g}"
    if not (found / "ref.json").exists():
        there = sorted((path.name for path in artefact.glob(f"{FOLDER}/*/")), key=float)
        raise ModelError(f"the training left no snapshot at {at:g}; it left {', '.join(there) or 'none'}: name it in "
                         "the trainer's snapshots")  # fmt: skip
    return found


def write(job: Job, trainer: Any, by: str, at: float) -> None:
    """Write what a trainer has made so far, whole or not at all."""
    from leaven.train.artefact import save

    there = job.snapshots / f"{at:g}"
    beside = there.with_name(f".{there.name}")
    for old in (beside, there):  # of an attempt that ended before its next checkpoint
        shutil.rmtree(old, ignore_errors=True)
    beside.mkdir(parents=True)
    save(replace(job, out=beside), trainer, by, snapshot=at)
    for path in [*beside.rglob("*"), beside]:
        _flush(path)
    beside.replace(there)
    _flush(there.parent)


def keep(job: Job, wanted: Iterable[float]) -> None:
    """Move the snapshots of a training that ended into its artefact; raises ModelError if one is missing."""
    for at in wanted:
        there = job.snapshots / f"{at:g}"
        if not there.exists():
            raise ModelError(f"the snapshot at {at:g} was not written; run the stage again, and report it if it stays")
        (job.out / FOLDER).mkdir(exist_ok=True)
        there.replace(job.out / FOLDER / there.name)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
