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

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell of the step; set ``should_save`` when a checkpoint is due."""
        losses = [entry["loss"] for entry in state.log_history[-1:] if "loss" in entry]
        self._asked = time.monotonic()
        if self._asked - self._rated >= self.RATE_EVERY_S:
            self._rated = self._asked
            self._rate = self._trainer.tokens / max(self._asked - self._started, 1e-9)
        loss = losses[0] if losses else None
        self._trainer.on_step(state.global_step, state.max_steps, loss=loss, tokens_per_s=self._rate)
        due = self._asked - self._saved >= max(self._trainer.save_every_s, self.SHARE * self._took)
        if due and state.global_step % args.logging_steps == 0:  # else the loss since the last log would be lost
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note how long the checkpoint took."""
        self._saved = time.monotonic()
        self._took = self._saved - self._asked
