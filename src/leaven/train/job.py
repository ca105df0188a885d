"""What one training run needs beside its model, rows and hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaven import progress
from leaven.rows import Message

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from leaven.train.spread import Spread


@dataclass(frozen=True)
class Job:
    """Where a training writes, with which tokenizer, seed and stop ids; ``base`` is the base's identity, as arguments.

    ``before`` is the artefact of the training that this one goes on from, ``adapter`` the folder of its adapter if it
    has one; ``name`` is what trackers call the run. A trainer resumes from the newest whole checkpoint that an earlier
    attempt left; ``progress`` is told of each step: steps done and in all, and numbers worth showing. ``spread`` says
    which process this is of a training in several, None where it trains alone. ``held`` are encoded rows that are not
    trained on: their loss is logged by epoch. ``teacher`` is the artefact of the model that a student
    learns from, None where that is its own base; ``reward`` gives each answer to a prompt (its messages) a number, null
    where it has none. ``base_path`` is where the base lies on this machine, None for one of the hub.
    """

    out: Path
    seed: int
    tokenizer: PreTrainedTokenizerBase
    base: dict[str, Any] = field(default_factory=dict)
    stop_ids: Sequence[int] = ()
    before: Path | None = None
    adapter: Path | None = None
    name: str = ""
    progress: Callable[..., None] = lambda done, total, **more: None
    spread: Spread | None = None
    held: Dataset | None = None
    teacher: Path | None = None
    reward: Callable[[Sequence[Sequence[Message]], Sequence[str]], list[float | None]] | None = None
    base_path: Path | None = None

    @property
    def added(self) -> dict[str, int]:
        """The tokens that the base's vocabulary was grown by, and their ids."""
        from leaven.models.grown import ids

        return ids(self.tokenizer, self.base.get("added_tokens", ()))

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie while the training runs."""
        return self.out / progress.FOLDER / "checkpoints"

    @property
    def snapshots(self) -> Path:
        """Where snapshots lie while the training runs."""
        return self.out / progress.FOLDER / "snapshots"

    @property
    def logs(self) -> Path:
        """Where what is for people lies: the engine keeps it, and it is part of no result."""
        return self.out / progress.LOGS
