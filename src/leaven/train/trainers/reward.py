"""The thin subclass of TRL's reward trainer: our pairs and their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trl import RewardConfig, RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from leaven.train.spread import Spread, arguments
from leaven.train.trainers.pairs import Pairs, without_dropout
from leaven.train.trainers.reproducible import SWITCHED_OFF


def config(spread: Spread | None = None, **given: Any) -> RewardConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return RewardConfig(
        max_length=None,  # before: too long rows are left out, prompts cut, and nothing exceeds the model's context
        pad_to_multiple_of=None,
        disable_dropout=True,
        activation_offloading=False,
        **SWITCHED_OFF,
        **arguments(spread, given, by_rows=True),
    )


@dataclass
class Whole(DataCollatorForPreference):  # type: ignore[misc] # TRL is untyped
    """Batches of whole conversations: TRL's reward trainer reads a prompt and its answer as one text."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Collate encoded pairs."""
        sides = ("chosen_ids", "rejected_ids")
        return dict(super().torch_call([{side: row["prompt_ids"] + row[side] for side in sides} for row in examples]))


class ReproducibleReward(Pairs, RewardTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer with our order of rows; ``seen`` counts rows and the tokens of both conversations."""

    def __init__(self, *, model: Any, processing_class: Any, **given: Any):
        without_dropout(model)
        collator = Whole(pad_token_id=processing_class.pad_token_id)
        super().__init__(model=model, processing_class=processing_class, data_collator=collator, **given)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["prompt_ids", "chosen_ids", "rejected_ids"]

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss, and count."""
        mask = inputs["attention_mask"]
        self.count(len(mask) // 2, mask.sum(), mask.sum())
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
