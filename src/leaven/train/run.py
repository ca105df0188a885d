"""What every training does: go on from the newest whole checkpoint, and prove that nothing was lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.models.unwarned import unwarned
from leaven.train.checkpoints import forget, load_seen, newest_whole, prove_spread, seal
from leaven.train.health import Diverged
from leaven.train.reports import reports
from leaven.train.whole import make_whole, shapes

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
        "spread": job.spread,
    }


def run(
    job: Job, report_to: str | Sequence[str], build: Callable[[list[Any]], Any], save_steps: int | None = None
) -> tuple[Any, int | None]:
    """Build a trainer (``build`` is given its callbacks) and train; return it, and the step it resumed from if it did.

    ``save_steps`` is how many steps lie between checkpoints at least, None for one by the time it takes. Of a training
    in several processes all take part, and the first one alone comes back, with whole weights and the counts of all.
    Raises Diverged, and then leaves nothing to go on from.
    """
    checkpoint, first = _checkpoint(job), job.spread is None or job.spread.first
    done = int(checkpoint.name.rpartition("-")[2]) if checkpoint else None
    with unwarned(), reports(report_to if first else "none", job.logs, done or 0) as callbacks:
        trainer = build(callbacks)
        trainer.spread, trainer.save_steps, whole = job.spread, save_steps, shapes(trainer.model)
        trainer.on_checkpoint, trainer.on_step, trainer.save_every_s = _seal(job), job.progress, CHECKPOINT_EVERY_S
        if checkpoint is not None and first:
            trainer.seen, trainer.seconds_before = load_seen(checkpoint)
        _train(job, trainer, checkpoint)
    if job.spread is not None:
        make_whole(job.spread, trainer, whole)
    return trainer, done


def _checkpoint(job: Job) -> Path | None:
    """Return the checkpoint to go on from: of several processes the first looks, as what is torn is deleted.

    Raises ModelError if it is cut for another number of processes, or by another preset.
    """
    spread = job.spread
    found = newest_whole(job.checkpoints) if spread is None or spread.first else None
    found = found if spread is None else spread.agreed(found)
    if found is not None:
        prove_spread(found, spread.sharded if spread is not None else "")
    return found


def _seal(job: Job) -> Callable[[Path, dict[str, int], float], None]:
    sharded = job.spread.sharded if job.spread is not None else ""
    return lambda folder, seen, seconds: seal(folder, seen, seconds, sharded)


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
