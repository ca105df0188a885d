"""Writes what a training has made so far, at the steps that the study names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transformers import TrainerCallback


class Snapshots(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Calls ``write`` with each snapshot's name at the end of its step, before a checkpoint of that step is written."""

    def __init__(self, steps: Mapping[float, int], write: Callable[[float], None]):
        self._steps, self._write = steps, write

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write the snapshots of this step."""
        for at, step in self._steps.items():
            if step == state.global_step:
                self._write(at)
