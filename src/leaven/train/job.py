"""What one training run needs beside its model, rows and hyper-parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Job:
    """Where a training writes, with which tokenizer, seed and stop ids; ``base`` is the base's identity, as arguments.

    ``out`` is kept after a crash: a trainer resumes from the newest whole checkpoint that it finds there.
    """

    out: Path
    seed: int
    tokenizer: PreTrainedTokenizerBase
    base: dict[str, Any] = field(default_factory=dict)
    stop_ids: Sequence[int] = ()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie while the training runs."""
        return self.out / "checkpoints"
