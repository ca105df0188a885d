"""Tells how far a training is, and asks for checkpoints."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback


class Steps(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Tells after each step how far the training is, and asks for a checkpoint when the last is old enough.

    Writing checkpoints takes at most a fiftieth of the time, however slow the disk. How many tokens went by is asked
    at most once a second, because a GPU stands still meanwhile.
    """

    SHARE = 50
    RATE_EVERY_S = 1.0

    def __init__(self, trainer: Any):
        self._trainer = trainer
        self._started = self._saved = self._asked = time.monotonic()
        self._took = self._rated = self._rate = 0.0
        self._saved_at = 0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell of the step; set ``should_save`` when a checkpoint is due."""
        losses = [entry["loss"] for entry in state.log_history[-1:] if "loss" in entry]
        self._asked = time.monotonic()
        if self._asked - self._rated >= self.RATE_EVERY_S:
            self._rated = self._asked
            self._rate = self._trainer.processes * self._trainer.tokens / max(self._asked - self._started, 1e-9)
        loss = losses[0] if losses else None
        self._trainer.on_step(state.global_step, state.max_steps, loss=loss, tokens_per_s=self._rate)
        if state.global_step % args.logging_steps == 0:  # else the loss since the last log would be lost
            control.should_save = self._trainer.agreed(self._is_due(state.global_step)) or control.should_save

    def _is_due(self, step: int) -> bool:
        """Say whether a checkpoint is: by steps where the study counts them, else by the time it takes."""
        if (every := self._trainer.save_steps) is not None:
            return bool(step - self._saved_at >= every)
        return bool(self._asked - self._saved >= max(self._trainer.save_every_s, self.SHARE * self._took))

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note the step that an earlier attempt's checkpoint was written at."""
        self._saved_at = state.global_step

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note how long the checkpoint took."""
        self._saved, self._saved_at = time.monotonic(), state.global_step
        self._took = self._saved - self._asked
