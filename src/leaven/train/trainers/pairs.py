"""What the trainers that read encoded pairs share: lengths, collated batches, and models without any dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from leaven.train.trainers.reproducible import Reproducible

_RATES = ("dropout", "attention_dropout", "activation_dropout", "hidden_dropout", "resid_dropout", "layerdrop",
          "attention_dropout_prob", "classifier_dropout")  # fmt: skip
_LOCAL = ("num_tokens",)  # TRL counts them anew after a resume, so they would tell of the crash


class Pairs(Reproducible):
    """Mixed into a trainer whose rows have prompt_ids, chosen_ids and rejected_ids."""

    by_rows = True

    def lengths(self, rows: Any) -> np.ndarray:
        """Return the tokens of each prompt with the longer of its answers."""
        prompt, chosen, rejected = (length_of(rows, name) for name in ("prompt_ids", "chosen_ids", "rejected_ids"))
        return np.asarray(prompt + np.maximum(chosen, rejected))

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """Return the rows as they are: ``data/pairs.py`` has encoded and examined them."""
        return dataset

    def log(self, logs: dict[str, float], *more: Any) -> None:
        """Log what TRL logs, but for what differs after a resume."""
        for name in _LOCAL:
            self._metrics["train"].pop(name, None)  # type: ignore[attr-defined] # of the trainer
        super().log(logs, *more)  # type: ignore[misc]


def length_of(rows: Any, name: str) -> np.ndarray:
    """Return how many tokens each row has in one column."""
    return np.asarray(pc.list_value_length(rows.data.table[name]).to_numpy())


def without_dropout(model: Any) -> None:
    """Set every rate of dropout to 0, also those that a model applies by a number and not by a module.

    TRL's ``disable_dropout`` knows the modules alone: the attention of Llama or all of OPT would go on dropping, and
    policy and reference would differ before the first step.
    """
    for module in model.modules():
        for name in _RATES:
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
