"""Writes what a training has made so far, at the steps that the study names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback

from leaven.errors import ModelError


class Snapshots(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Calls ``write`` with each snapshot's name at the end of its step, before a checkpoint of that step is written."""

    def __init__(self, steps: Mapping[float, int], write: Callable[[float], None]):
        self._steps, self._write = steps, write

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raise ModelError if no process will hold whole weights to write."""
        stage = ((args.deepspeed or {}).get("zero_optimization") or {}).get("stage")
        if self._steps and (args.fsdp or stage == 3):
            raise ModelError("launch: snapshots need whole weights on the way; launch by ddp or zero2")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the snapshots of this step, in the first process."""
        for at, step in self._steps.items():
            if step == state.global_step and state.is_world_process_zero:
                self._write(at)
