"""What every training does: go on from the newest whole checkpoint, and prove that nothing was lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.train.checkpoints import forget, load_seen, newest_whole, seal
from leaven.train.health import Diverged
from leaven.train.reports import reports

if TYPE_CHECKING:
    from pathlib import Path

    from leaven.train.job import Job

LOGGED_EVERY = 10
CHECKPOINT_EVERY_S = 60.0  # what a killed run loses at most; when one is written cannot change the result


def placed(job: Job) -> dict[str, Any]:
    """Return the arguments of TRL's configuration that say where a training writes, and its seed."""
    return {
        "output_dir": str(job.checkpoints),
        "run_name": job.name or None,
        "seed": job.seed,
        "logging_steps": LOGGED_EVERY,
    }


def run(job: Job, report_to: str | Sequence[str], build: Callable[[list[Any]], Any]) -> tuple[Any, int | None]:
    """Build a trainer (``build`` is given its callbacks) and train; return it, and the step it resumed from if it did.

    Raises Diverged, and then leaves nothing to go on from.
    """
    checkpoint = newest_whole(job.checkpoints)
    done = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    with reports(report_to, job.logs, done or 0) as callbacks:
        trainer = build(callbacks)
        trainer.on_checkpoint, trainer.on_step, trainer.save_every_s = seal, job.progress, CHECKPOINT_EVERY_S
        if checkpoint is not None:
            trainer.seen, trainer.seconds_before = load_seen(checkpoint)
        _train(job, trainer, checkpoint)
    return trainer, done


def _train(job: Job, trainer: Any, checkpoint: Path | None) -> None:
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Diverged:
        forget(job.checkpoints)
        raise


def facts(trainer: Any) -> dict[str, Any]:
    """Return what a training saw, its first and last logged loss, and how long it took."""
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry] or [entry["train_loss"] for entry in history[-1:]]
    return {
        **trainer.seen,
        "steps": trainer.state.global_step,
        "first_loss": losses[0] if losses else None,
        "final_loss": losses[-1] if losses else None,
        "seconds": round(trainer.seconds, 3),
    }


def logged(trainer: Any, names: Sequence[str]) -> dict[str, float]:
    """Return the first and last logged value of each name that was logged, as ``name/first`` and ``name/last``."""
    found = {name: [entry[name] for entry in trainer.state.log_history if name in entry] for name in names}
    ends = {name: {"first": values[0], "last": values[-1]} for name, values in found.items() if values}
    return {f"{name}/{end}": value for name, both in ends.items() for end, value in both.items()}


def prove_all_seen(trainer: Any, rows: int, tokens: int, given: dict[str, Any]) -> None:
    """Over whole epochs each row must have been trained once an epoch, token by token: nothing dropped unseen."""
    epochs = given["num_train_epochs"]
    if given["max_steps"] > 0 or epochs != int(epochs):
        return
    expected = {"rows_seen": rows * int(epochs), "tokens_trained": tokens * int(epochs)}
    if trainer.seen != expected:
        raise ModelError(f"the trainer saw {trainer.seen}, not {expected}: rows or tokens were lost or trained twice")
