"""What is mixed into each of TRL's trainers: a seeded order, a count of what was seen, checkpoints that close."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leaven.errors import ModelError
from leaven.train.spread import Spread
from leaven.train.trainers.sampler import SeededSampler
from leaven.train.trainers.steps import Steps
from leaven.train.trainers.watch import Watch

SWITCHED_OFF = {
    "report_to": "none",  # what reports is added as callbacks, by `reports`
    "logging_nan_inf_filter": False,  # a loss that is no number must be seen; the filter also waits for each step
    "save_strategy": "no",  # by time, in `Reproducible`
    "eval_strategy": "no",
    "dataloader_pin_memory": False,
    "disable_tqdm": True,
}


class Reproducible:
    """Mixed in before a trainer of TRL; ``seen`` counts rows and trained tokens.

    A subclass says ``lengths`` (tokens of each row, for batches of similar length), counts each batch by ``count``,
    and says as ``guess`` what loss is that of a model that guesses, if that is known beforehand.
    """

    args: Any
    state: Any
    train_dataset: Any
    model: Any
    by_rows = False  # whether a loss is the mean over a batch's rows, and not over the tokens of a whole step
    spread: Spread | None = None

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._seen = {"rows_seen": 0, "tokens_trained": 0}
        self._counts: torch.Tensor | None = None  # tokens trained and read since they were last looked at
        self.on_checkpoint: Callable[[Path, dict[str, int], float], None] = lambda folder, seen, seconds: None
        self.seconds_before, self.started = 0.0, time.monotonic()  # what earlier attempts took
        self.on_step: Callable[..., None] = lambda done, total, **more: None
        self._tokens = 0
        self.save_every_s = math.inf
        self.save_steps: int | None = None
        self._idle = False
        self.add_callback(Steps(self))  # type: ignore[attr-defined] # of the trainer
        self.add_callback(Watch(self, self.guess))  # type: ignore[attr-defined]

    @property
    def guess(self) -> float | None:
        """The loss of a model that guesses; None where that is what the first steps show."""
        return None

    def lengths(self, rows: Any) -> np.ndarray:
        """Return how many tokens each row has in a batch."""
        raise NotImplementedError(f"{type(self).__name__} does not say how long its rows are")

    def blank(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row like another, of which nothing is trained."""
        return {"input_ids": row["input_ids"][:2], "labels": [-100] * len(row["input_ids"][:2])}

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return 1 if self.spread is None else self.spread.processes

    def _get_train_sampler(self, train_dataset: Any = None) -> SeededSampler:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        return SeededSampler(
            self.lengths(rows),
            self.args.train_batch_size * self.args.gradient_accumulation_steps * self.processes,
            self.args.seed,
            group_by_length=self.args.train_sampling_strategy == "group_by_length",
        )

    def get_train_dataloader(self) -> Any:
        """Return the batches of this process: all, or its part of those that one process would have."""
        if self.spread is None:
            return super().get_train_dataloader()  # type: ignore[misc] # of the trainer
        from leaven.train.trainers.shared import Wrapped, loader

        self.add_callback(Wrapped(self))  # type: ignore[attr-defined]
        rows, unit = self._kept_columns(), self.args.train_batch_size * self.processes
        if not self.by_rows:
            return loader(self, rows, unit * self.args.gradient_accumulation_steps)
        if rest := len(rows) % unit % self.processes:
            raise ModelError(f"launch: the last {rest} of {len(rows)} rows cannot be shared by {self.processes} "
                             f"processes; take as many fewer")  # fmt: skip
        return loader(self, rows, unit)

    def _kept_columns(self) -> Any:
        return self._remove_unused_columns(self.train_dataset, description="training")  # type: ignore[attr-defined]

    def training_step(self, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        """Train on one batch; one that holds nothing is not counted."""
        self._idle = bool(inputs.pop("idle", False))
        return super().training_step(model, inputs, *more, **named)  # type: ignore[misc]

    def _finalize_training(self, *args: Any) -> Any:
        if self.spread is not None:  # the loss since it was last logged is this process's alone
            self._tr_loss = self.accelerator.reduce(self._tr_loss, "mean")  # type: ignore[attr-defined, has-type]
        return super()._finalize_training(*args)  # type: ignore[misc]

    def count(self, rows: int, trained: torch.Tensor, read: torch.Tensor) -> None:
        """Count on the device: to ask for a number at each batch would make a GPU wait for it."""
        if self._idle:
            return
        self._seen["rows_seen"] += rows
        counts = torch.stack([trained, read])
        self._counts = counts if self._counts is None else self._counts + counts

    def _settle(self) -> None:
        if self._counts is None:
            return
        trained, read = self._counts.tolist()
        self._seen["tokens_trained"] += trained
        self._tokens += read
        self._counts = None

    @property
    def seen(self) -> dict[str, int]:
        """How many rows and trained tokens this training saw, its earlier attempts up to their checkpoints included."""
        self._settle()
        return self._seen

    @seen.setter
    def seen(self, seen: dict[str, int]) -> None:
        self._seen = dict(seen)

    @property
    def tokens(self) -> int:
        """How many tokens this process read so far, prompts included."""
        self._settle()
        return self._tokens

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)  # type: ignore[misc] # of the trainer
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.spread is None:
            self.on_checkpoint(folder, self.seen, self.seconds)
            return
        seen = self.spread.summed(self.seen)  # and so every process has written its part
        if self.spread.first:
            self.on_checkpoint(folder, seen, self.seconds)
        self.spread.wait()

    def agreed(self, value: bool) -> bool:
        """Return what the first of the processes says: clocks differ, and all must do the same."""
        return value if self.spread is None else bool(self.spread.agreed(value))

    @property
    def seconds(self) -> float:
        """How long this training took so far, its earlier attempts up to their checkpoints included."""
        return self.seconds_before + time.monotonic() - self.started
