"""The thin subclass of TRL's SFT trainer: a seeded order, the plain loss, and a count of what was seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from leaven.train.spread import Spread, arguments
from leaven.train.trainers.reproducible import SWITCHED_OFF, Reproducible
from leaven.train.trainers.sampler import lengths


def config(spread: Spread | None = None, **given: Any) -> SFTConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return SFTConfig(
        packing=False,
        padding_free=False,
        shuffle_dataset=False,
        max_length=None,
        loss_type="nll",
        dataset_kwargs={"skip_prepare_dataset": True},
        **SWITCHED_OFF,
        **arguments(spread, given),
    )


class ReproducibleSFT(Reproducible, SFTTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer with our order of rows; ``seen`` counts rows and trained tokens."""

    @property
    def guess(self) -> float:
        """The loss of a model that guesses among all tokens."""
        return math.log(self.model.config.get_text_config().vocab_size)

    def lengths(self, rows: Any) -> np.ndarray:
        """Return the rows' lengths in tokens."""
        return lengths(rows)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the model's own loss: TRL's entropy logging costs more than the step on small models."""
        labels = inputs["labels"]
        self.count(len(labels), (labels != -100).sum(), inputs["attention_mask"].sum())
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)
