"""The thin subclass of TRL's SFT trainer: a seeded order, the plain loss, and a count of what was seen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import torch
from transformers import Trainer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from leaven.train.trainers.sampler import SeededSampler
from leaven.train.trainers.watch import Watch


def config(**given: Any) -> SFTConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return SFTConfig(
        use_cpu=not torch.cuda.is_available(),
        report_to="none",  # what reports is added as callbacks, by `reports`
        logging_nan_inf_filter=False,  # a loss that is no number must be seen; the filter also waits for each step
        save_strategy="no",  # by time, in ReproducibleSFT
        eval_strategy="no",
        packing=False,
        padding_free=False,
        shuffle_dataset=False,
        max_length=None,
        loss_type="nll",
        dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=False,
        disable_tqdm=True,
        **given,
    )


class ReproducibleSFT(SFTTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer with our order of rows; ``seen`` counts rows and trained tokens."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._seen = {"rows_seen": 0, "tokens_trained": 0}
        self._counts: torch.Tensor | None = None  # tokens trained and read since they were last looked at
        self.on_checkpoint: Callable[[Path, dict[str, int], float], None] = lambda folder, seen, seconds: None
        self.seconds_before, self.started = 0.0, time.monotonic()  # what earlier attempts took
        self.on_step: Callable[..., None] = lambda done, total, **more: None
        self._tokens = 0
        self.save_every_s = math.inf
        self.add_callback(_Steps(self))
        self.add_callback(Watch(self, self.model.config.get_text_config().vocab_size))

    def _get_train_sampler(self, train_dataset: Any = None) -> SeededSampler:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        return SeededSampler(
            pc.list_value_length(rows.data.table["input_ids"]).to_numpy(),
            self.args.train_batch_size * self.args.gradient_accumulation_steps,
            self.args.seed,
            group_by_length=self.args.train_sampling_strategy == "group_by_length",
        )

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the model's own loss: TRL's entropy logging costs more than the step on small models."""
        self._count(inputs["labels"], inputs["attention_mask"])
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    def _count(self, labels: torch.Tensor, attention_mask: torch.Tensor) -> None:
        """Count on the device: to ask for a number at each batch would make a GPU wait for it."""
        self._seen["rows_seen"] += len(labels)
        counts = torch.stack([(labels != -100).sum(), attention_mask.sum()])
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
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        self.on_checkpoint(folder, self.seen, self.seconds)

    @property
    def seconds(self) -> float:
        """How long this training took so far, its earlier attempts up to their checkpoints included."""
        return self.seconds_before + time.monotonic() - self.started


class _Steps(TrainerCallback):  # type: ignore[misc] # transformers is untyped
    """Tells after each step how far the training is, and asks for a checkpoint when the last is old enough.

    Writing checkpoints takes at most a fiftieth of the time, however slow the disk. How many tokens went by is asked
    at most once a second, because a GPU stands still meanwhile.
    """

    _SHARE = 50
    _RATE_EVERY_S = 1.0

    def __init__(self, trainer: ReproducibleSFT):
        self._trainer = trainer
        self._started = self._saved = self._asked = time.monotonic()
        self._took = self._rated = self._rate = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = [entry["loss"] for entry in state.log_history[-1:] if "loss" in entry]
        self._asked = time.monotonic()
        if self._asked - self._rated >= self._RATE_EVERY_S:
            self._rated = self._asked
            self._rate = self._trainer.tokens / max(self._asked - self._started, 1e-9)
        loss = losses[0] if losses else None
        self._trainer.on_step(state.global_step, state.max_steps, loss=loss, tokens_per_s=self._rate)
        due = self._asked - self._saved >= max(self._trainer.save_every_s, self._SHARE * self._took)
        if due and state.global_step % args.logging_steps == 0:  # else the loss since the last log would be lost
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._saved = time.monotonic()
        self._took = self._saved - self._asked
