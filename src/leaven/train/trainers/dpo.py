"""The thin subclass of TRL's DPO trainer: our pairs and their order, and reference log-probabilities kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from leaven.train.spread import Spread, arguments
from leaven.train.trainers.pairs import Pairs, without_dropout
from leaven.train.trainers.reproducible import SWITCHED_OFF

REFERENCE = ("ref_chosen_logps", "ref_rejected_logps")
_PROVEN = 3  # batches on which policy and reference are compared: of the shortest rows, of middling ones, the longest


def config(*, loss_type: str, spread: Spread | None = None, **given: Any) -> DPOConfig:
    """Build TRL's configuration: all that can change a result comes from us, the rest is switched off."""
    return DPOConfig(
        loss_type=[loss_type],
        loss_weights=None,
        max_length=None,  # before: too long rows are left out, prompts cut, and nothing exceeds the model's context
        truncation_mode="keep_start",
        padding_free=False,
        pad_to_multiple_of=None,
        precompute_ref_batch_size=None,
        disable_dropout=True,
        ld_alpha=None,
        f_divergence_type="reverse_kl",
        use_weighting=False,
        sync_ref_model=False,
        activation_offloading=False,
        router_aux_loss_coef=None,
        **SWITCHED_OFF,
        **arguments(spread, given, by_rows=True),
    )


class ReproducibleDPO(Pairs, DPOTrainer):  # type: ignore[misc] # TRL is untyped
    """TRL's trainer with our order of rows; ``seen`` counts rows and the tokens of both answers.

    The reference is what the policy was before its first step. Without ``precompute_ref_log_probs`` TRL asks it anew
    at every step: a frozen copy of the adapter (``ref``), or a second model.
    """

    def __init__(self, *, model: Any, ref_model: Any = None, **given: Any):
        for one in [model] if ref_model is None else [model, ref_model]:
            without_dropout(one)
        super().__init__(model=model, ref_model=ref_model, **given)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss, and count."""
        mask = inputs["completion_mask"]
        self.count(len(mask) // 2, mask.sum(), inputs["attention_mask"].sum())
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def batches(self, rows: Any) -> list[list[int]]:
        """Return the rows' indices in batches of similar length."""
        size = self.args.per_device_train_batch_size
        order = np.argsort(self.lengths(rows), kind="stable").tolist()
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        """Ask the reference about every row, in batches of similar length; TRL would write a cache beside the rows."""
        found = np.zeros((len(dataset), 2), dtype=np.float64)
        for batch in self.batches(dataset):
            found[batch] = self._reference(dataset, batch).numpy()
        table = dataset.data.table
        for column, values in zip(REFERENCE, found.T, strict=True):
            table = table.append_column(column, pa.array(values))
        return Dataset(table)

    def _reference(self, rows: Any, batch: Sequence[int]) -> torch.Tensor:
        """Return what the reference makes of both answers of some rows: shape (rows, 2)."""
        model = self.ref_model if self.ref_model is not None else self.model
        model.eval()
        return torch.stack(self.compute_ref_log_probs(model, self._collated(rows, batch)), dim=1).cpu()

    def _collated(self, rows: Any, batch: Sequence[int]) -> Any:
        return self._prepare_inputs(self.data_collator([rows[index] for index in batch]))

    def _policy(self, rows: Any, batch: Sequence[int]) -> torch.Tensor:
        """Return what the policy makes of them, as it stands in training: a rate of dropout would show."""
        self.model.train()
        inputs = self._collated(rows, batch)
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        names = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad(), self.accelerator.autocast():
            told = self.model(**names, labels=labels, fused_lm_head=True, use_cache=False).log_probs
        return torch.stack(told.sum(dim=1).chunk(2), dim=1).cpu()

    def log_ratios(self) -> dict[int, float]:
        """Return, for a few batches of rows, by how much policy and reference differ on either answer (nats).

        Batches are those in which the reference was asked beforehand, so that rounding is the same.
        """
        rows, batches = self.train_dataset, self.batches(self.train_dataset)
        told: dict[int, float] = {}
        for place in sorted({0, len(batches) // 2, len(batches) - 1})[:_PROVEN]:
            batch = batches[place]
            policy = self._policy(rows, batch)
            if REFERENCE[0] in rows.column_names:
                reference = torch.tensor([[rows[index][name] for name in REFERENCE] for index in batch])
            else:
                reference = self._reference(rows, batch)
            apart = (policy - reference).abs().amax(dim=1).tolist()
            told.update(zip(batch, apart, strict=True))
        return told
