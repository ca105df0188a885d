"""The thin subclass of TRL's SFT trainer: a seeded order, the plain loss, and a count of what was seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from leaven.train.trainers.sampler import SeededSampler


def config(**given: Any) -> SFTConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return SFTConfig(
        use_cpu=not torch.cuda.is_available(),
        report_to="none",
        save_strategy="steps",
        save_total_limit=1,
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
        self.on_checkpoint: Callable[[Path, dict[str, int]], None] = lambda folder, seen: None

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
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.on_checkpoint(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}", self.seen)
