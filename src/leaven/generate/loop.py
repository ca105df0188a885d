"""The decoding loop: one token per row and step, and a row that has ended leaves the batch.

transformers prepares inputs, cache and processors, and hands them to this loop (its ``custom_generate``). The stock
loop carries every row on until the batch's last one has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from leaven.generate.endings import Endings

_WORTH = 0.75  # at most this share of the rows still unfinished: moving their cache costs less than the rest's steps


class Loop:
    """Decodes one batch; ``made`` holds the ids of each row's answer, stop id included; ``heard`` is told of each."""

    def __init__(
        self,
        limits: Sequence[int],
        stop_ids: Sequence[int],
        endings: Endings,
        heard: Callable[[int, Sequence[int]], None] | None = None,
    ):
        self._limits = list(limits)
        self._stop_ids = set(stop_ids)
        self._endings = endings
        self._heard = heard
        self._going = set(range(len(self._limits)))
        self.made: list[list[int]] = [[] for _ in self._limits]

    def __call__(
        self, model: Any, input_ids: torch.Tensor, logits_processor: Any, generation_config: Any, **inputs: Any
    ) -> torch.Tensor:
        """Fill ``made``; return the ids of the rows that ended last (who calls through ``generate`` wants a tensor)."""
        rows = list(range(len(self.made)))  # whose answer each row of the batch is
        inputs.pop("stopping_criteria")
        step: dict[str, Any] = {"is_first_iteration": True}
        while self._going:
            outputs = model(**model.prepare_inputs_for_generation(input_ids, **step, **inputs), return_dict=True)
            inputs = model._update_model_kwargs_for_generation(outputs, inputs)
            logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32, device=input_ids.device)
            del outputs  # the logits of a whole prompt may be large
            chosen = logits_processor(input_ids, logits).argmax(dim=-1)
            input_ids = torch.cat([input_ids, chosen[:, None]], dim=-1)
            self._note(rows, chosen.tolist())
            if 0 < len(self._going) <= _WORTH * len(rows) and _can_shrink(inputs, len(rows)):
                places = [place for place, row in enumerate(rows) if row in self._going]
                rows = [rows[place] for place in places]
                kept = torch.tensor(places, device=input_ids.device)
                input_ids, inputs = input_ids[kept], _shrunk(inputs, kept, logits_processor)
            step = {"next_sequence_length": 1 if inputs.get("use_cache") else None}
        return input_ids

    def _note(self, rows: list[int], chosen: list[int]) -> None:
        """Add each unfinished row's next token, and say which rows that ends."""
        for row, token in zip(rows, chosen, strict=True):
            if row in self._going:
                self.made[row].append(token)
                if self._heard is not None:
                    self._heard(row, self.made[row])
                if self._ends(row, token):
                    self._going.discard(row)

    def _ends(self, row: int, token: int) -> bool:
        ids = self.made[row]
        return token in self._stop_ids or len(ids) >= self._limits[row] or self._endings.reached(ids)


def _can_shrink(inputs: dict[str, Any], rows: int) -> bool:
    """Only of plain caches and inputs is it known how rows leave them; with any other the batch stays whole."""
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

    cache: Any = inputs.get("past_key_values")
    tensors = [value for value in inputs.values() if isinstance(value, torch.Tensor)]
    return (
        type(cache) is DynamicCache
        and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers)
        and all(value.dim() == 2 and value.shape[0] == rows for value in tensors)
    )


def _shrunk(inputs: dict[str, Any], kept: torch.Tensor, logits_processor: Any) -> dict[str, Any]:
    """Return the model's inputs for some rows of the batch; cache and processors go on with these alone."""
    inputs["past_key_values"].batch_select_indices(kept)
    for processor in logits_processor:
        if hasattr(processor, "keep"):
            processor.keep(kept)
    return {name: value[kept] if isinstance(value, torch.Tensor) else value for name, value in inputs.items()}
