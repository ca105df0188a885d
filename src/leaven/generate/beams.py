"""Answers by beam search: transformers' own search, whose beams are the row's samples; it draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

if TYPE_CHECKING:
    from leaven.generate.endings import Endings

SETTINGS = ("num_beams", "length_penalty", "early_stopping", "num_return_sequences")


class StopStrings(StoppingCriteria):  # type: ignore[misc] # transformers is untyped
    """Ends a beam at a stop string in its answer."""

    def __init__(self, endings: Endings, width: int):
        self._endings = endings
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
        """Say which beams have ended."""
        ended = [self._endings.reached(ids) for ids in input_ids[:, self._width :].tolist()]
        return torch.tensor(ended, device=input_ids.device)


def search(model: Any, inputs: dict[str, Any], logits_processor: Any, endings: Endings) -> list[list[list[int]]]:
    """Return the ids of each row's best beams, best first; what stands after a beam's end is filling.

    All rows have one limit, that of the model's generation settings: the search compares what a beam may still become.
    """
    rows, width = inputs["input_ids"].shape
    criteria = StoppingCriteriaList([StopStrings(endings, width)])
    made = model.generate(**inputs, logits_processor=logits_processor, stopping_criteria=criteria)
    found: list[list[list[int]]] = made[:, width:].reshape(rows, made.shape[0] // rows, -1).tolist()
    return found
