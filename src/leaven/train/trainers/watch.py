"""Stops a training at once when what it logs says that it has diverged."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from leaven.train.health import prove_sound


class Watch(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Looks at every line of the log before a checkpoint of the same step could be written."""

    def __init__(self, trainer: Any, guess: float | None):
        self._trainer, self._guess = trainer, guess

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raise Diverged where the newest line says so."""
        skipped = bool(args.fp16 and self._trainer.accelerator.optimizer_step_was_skipped)
        prove_sound(state.log_history, self._guess, skipped=skipped)
