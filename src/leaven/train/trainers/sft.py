"""The thin subclass of TRL's SFT trainer: a seeded order, the plain loss, and a count of what was seen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from leaven.train.trainers.sampler import SeededSampler


def config(**given: Any) -> SFTConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return SFTConfig(
        use_cpu=not torch.cuda.is_available(),
        report_to="none",
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
        self.seen = {"rows_seen": 0, "tokens_trained": 0}
        self.on_checkpoint: Callable[[Path, dict[str, int], float], None] = lambda folder, seen, seconds: None
        self.seconds_before, self.started = 0.0, time.monotonic()  # what earlier attempts took
        self.on_step: Callable[..., None] = lambda done, total, **more: None
        self.tokens = 0  # read so far by this process, prompts included
        self.save_every_s = math.inf
        self.add_callback(_Steps(self))

    def _get_train_sampler(self, train_dataset: Any = None) -> SeededSampler:
        rows = train_dataset if train_dataset is not None else self.train_dataset
        return SeededSampler(
            [len(ids) for ids in rows["input_ids"]],
            self.args.train_batch_size * self.args.gradient_accumulation_steps,
            self.args.seed,
            group_by_length=self.args.train_sampling_strategy == "group_by_length",
        )

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the model's own loss: TRL's entropy logging costs more than the step on small models."""
        self.seen["rows_seen"] += len(inputs["labels"])
        self.seen["tokens_trained"] += int((inputs["labels"] != -100).sum())
        self.tokens += int(inputs["attention_mask"].sum())
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

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

    Writing checkpoints takes at most a fiftieth of the time, however slow the disk.
    """

    _SHARE = 50

    def __init__(self, trainer: ReproducibleSFT):
        self._trainer = trainer
        self._started = self._saved = self._asked = time.monotonic()
        self._took = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = [entry["loss"] for entry in state.log_history[-1:] if "loss" in entry]
        rate = self._trainer.tokens / max(time.monotonic() - self._started, 1e-9)
        self._trainer.on_step(state.global_step, state.max_steps, loss=losses[0] if losses else None, tokens_per_s=rate)
        self._asked = time.monotonic()
        due = self._asked - self._saved >= max(self._trainer.save_every_s, self._SHARE * self._took)
        if due and state.global_step % args.logging_steps == 0:  # else the loss since the last log would be lost
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._saved = time.monotonic()
        self._took = self._saved - self._asked
