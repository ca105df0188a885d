"""What a model makes of two answers to a prompt, from ids: log-probabilities of a policy, rewards of a reward model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaven.errors import ModelError
from leaven.rows import Row

SIDES = ("chosen_ids", "rejected_ids")


def log_probabilities(model: Any, pair: Row) -> tuple[float, float]:
    """Return the log-probability of each answer of an encoded pair, summed over its tokens (nats); read alone."""
    after = len(pair["prompt_ids"])
    chosen, rejected = (log_probability(model, pair["prompt_ids"] + pair[side], after) for side in SIDES)
    return chosen, rejected


def log_probability(model: Any, text: Sequence[int], after: int = 1) -> float:
    """Return the log-probability of a text, given as ids, summed over its tokens but the first ``after`` (nats)."""
    import torch

    ids = torch.tensor([list(text)], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, :-1]
        each = torch.log_softmax(logits.float(), dim=-1).gather(1, ids[0, 1:, None])[:, 0]
    return float(each[after - 1 :].sum())


def rewards(model: Any, texts: Sequence[Sequence[int]]) -> list[float]:
    """Return the reward of each text, given as ids, read in one batch that is padded on the right.

    Raises ModelError if the model has no pad token, by which it finds a text's end, and there are several texts.
    """
    import torch

    pad = model.config.get_text_config().pad_token_id
    if pad is None and len(texts) > 1:
        raise ModelError("the reward model names no pad token, so it cannot tell where a padded text ends")
    width = max(map(len, texts))
    ids = torch.tensor([[*text, *[pad] * (width - len(text))] for text in texts], device=model.device)
    mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts], device=model.device)
    with torch.no_grad():
        found: list[float] = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].float().tolist()
    return found


def conversations(pairs: Sequence[Row]) -> list[list[int]]:
    """Return the ids of each whole conversation, first every pair's chosen one and then every rejected one."""
    return [pair["prompt_ids"] + pair[side] for side in SIDES for pair in pairs]
