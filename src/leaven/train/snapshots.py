"""Snapshots: a training at several points on its way, each a whole artefact beside what it ends with.

While the training runs they lie in the folder that the next attempt goes on from; at the end they move into the
artefact, as ``snapshots/<how far>/``. A snapshot is what a training that ends there would be only where the learning
rate is constant (``lr_scheduler_type: constant``): a schedule runs to the end of the whole training, and is half-way
where the shorter one would have ended.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError

if TYPE_CHECKING:
    from leaven.train.job import Job
    from leaven.train.schedule import Schedule

FOLDER = "snapshots"


def problems(args: Mapping[str, Any], epochs: float) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield why a training's declared snapshots cannot be kept; ``epochs`` is its default of ``num_train_epochs``.

    With ``num_train_tokens`` they are shares of it, else epochs.
    """
    tokens, steps = args.get("num_train_tokens"), int(args.get("max_steps", -1)) > 0
    listed = list(args.get("snapshots") or ())
    end = 1.0 if tokens is not None else float(args.get("num_train_epochs", epochs))
    if tokens is None and steps and listed:
        said = "snapshots are named by epochs, and max_steps ends the training by steps"
        yield ("snapshots",), said, "set num_train_epochs instead of max_steps"
    elif late := [at for at in listed if float(at) > end]:
        unit = "of num_train_tokens, of which they are shares" if tokens is not None else "epochs"
        yield ("snapshots",), f"{late[0]:g} lies beyond the end of the training, {end:g} {unit}", "take it out"
    if len({f"{float(at):g}" for at in listed}) < len(listed):
        yield ("snapshots",), f"{listed} names one place twice", "name each once"


def planned(rows: int, given: Mapping[str, Any], wanted: Sequence[float]) -> Schedule:
    """Return at which steps of a training by epochs its snapshots are; raises ModelError if one comes after its end."""
    from leaven.train import schedule

    batch = given["per_device_train_batch_size"] * given["gradient_accumulation_steps"]
    return schedule.by_epochs(rows, batch, given["num_train_epochs"], given["max_steps"], wanted)


def watched(job: Job, trainer: Any, by: str, plan: Schedule) -> None:
    """Have a trainer write the planned snapshots on its way; ``by`` is the trainer's name."""
    from leaven.train.trainers.snapshots import Snapshots

    trainer.add_callback(Snapshots(plan.snapshots, lambda at: write(job, trainer, by, at)))


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


def told(plan: Schedule) -> dict[str, list[float]]:
    """Return which snapshots a training left, for its facts; nothing where none was asked for."""
    return {"snapshots": sorted(plan.snapshots)} if plan.snapshots else {}


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
