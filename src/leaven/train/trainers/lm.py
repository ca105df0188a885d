"""The thin subclass of transformers' trainer: blocks in a seeded order, and a count of what was seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainingArguments

from leaven.train.spread import Spread, arguments
from leaven.train.trainers.reproducible import SWITCHED_OFF, Reproducible
from leaven.train.trainers.sampler import lengths


def config(spread: Spread | None = None, **given: Any) -> TrainingArguments:
    """Build transformers' configuration: all that can change a result comes from us, the rest is switched off."""
    return TrainingArguments(
        remove_unused_columns=False,
        train_sampling_strategy="random",
        **SWITCHED_OFF,
        **arguments(spread, given),
    )


class ReproducibleLM(Reproducible, Trainer):  # type: ignore[misc] # transformers is untyped
    """transformers' trainer with our order of blocks; ``seen`` counts blocks and trained tokens."""

    def __init__(self, *, processing_class: Any, **given: Any):
        self._pad = int(processing_class.pad_token_id)
        super().__init__(processing_class=processing_class, data_collator=self.collated, **given)

    @property
    def guess(self) -> float:
        """The loss of a model that guesses among all tokens."""
        return math.log(self.model.config.get_text_config().vocab_size)

    def lengths(self, rows: Any) -> np.ndarray:
        """Return the blocks' lengths in tokens."""
        return lengths(rows)

    def collated(self, blocks: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return a batch: blocks that differ in length are padded on the right, where nothing is trained or read."""
        ids, labels = ([block[name] for block in blocks] for name in ("input_ids", "labels"))
        longest = max(map(len, ids))
        if all(len(one) == longest for one in ids):
            return {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels)}
        more = [longest - len(one) for one in ids]
        return {
            "input_ids": torch.tensor([one + [self._pad] * fill for one, fill in zip(ids, more, strict=True)]),
            "labels": torch.tensor([one + [-100] * fill for one, fill in zip(labels, more, strict=True)]),
            "attention_mask": torch.tensor([[1] * len(one) + [0] * fill for one, fill in zip(ids, more, strict=True)]),
        }

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute the model's own loss, and count."""
        trained = (inputs["labels"] != -100).sum()
        self.count(len(inputs["labels"]), trained, trained)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
