"""Sampling noise that belongs to the row: a function of (item, sample, seed, position, token), of nothing else.

With the stock sampler one row's text depends on its neighbours in the batch. Here each row adds Gumbel noise from a
counter-based generator to its filtered log-probabilities and takes the largest (the Gumbel-max trick: an exact draw
from the softmax). So any batch, shard, order or arm draws the same numbers for the same item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, as a signed 64-bit number (SplitMix64)
_MIX_1 = -4658895280553007687
_MIX_2 = -7723592293110705685


def row_key(seed: int, item: str, sample: int) -> int:
    """Return the 63-bit key of one row's noise."""
    text = f"{seed}\x1f{item}\x1f{sample}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def uniform(keys: torch.Tensor, position: int, vocabulary: int) -> torch.Tensor:
    """Return uniforms in (0, 1), float64, of shape (rows, vocabulary): SplitMix64 of key, position and token."""
    tokens = torch.arange(vocabulary, device=keys.device, dtype=torch.int64)
    state = _mixed(keys + _signed(_GOLDEN * (position + 1)))[:, None] + _GOLDEN * (tokens + 1)[None, :]
    bits = _shift(_mixed(state), 12)  # 52 bits: with the half added still exact, so never 0 and never 1
    return (bits.to(torch.float64) + 0.5) * 2.0**-52


def _signed(number: int) -> int:
    """Wrap a Python integer to signed 64 bits, as the tensors' own arithmetic does."""
    return (number + 2**63) % 2**64 - 2**63


def _mixed(state: torch.Tensor) -> torch.Tensor:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014); int64 arithmetic wraps, which is what it asks for."""
    state = (state ^ _shift(state, 30)) * _MIX_1
    state = (state ^ _shift(state, 27)) * _MIX_2
    return state ^ _shift(state, 31)


def _shift(state: torch.Tensor, by: int) -> torch.Tensor:
    """Shift right without the sign."""
    return (state >> by) & ((1 << (64 - by)) - 1)


class RowNoise(LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Adds each row's own Gumbel noise; with greedy decoding after it, that is a draw from the softmax."""

    def __init__(self, keys: Sequence[int], prompt_length: int, device: Any):
        self._keys = torch.tensor(list(keys), dtype=torch.int64, device=device)
        self._prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return noisy scores for the next position."""
        position = input_ids.shape[1] - self._prompt_length
        noise = -torch.log(-torch.log(uniform(self._keys, position, scores.shape[1])))
        return torch.log_softmax(scores.to(torch.float64), dim=-1) + noise


def processors(sampling: dict[str, Any], keys: Sequence[int], prompt_length: int, device: Any) -> LogitsProcessorList:
    """Return what is done to the logits: temperature, top-k, top-p, then each row's noise; nothing when greedy."""
    made = LogitsProcessorList()
    if not sampling.get("do_sample", True):
        return made
    if sampling.get("temperature", 1.0) != 1.0:
        made.append(TemperatureLogitsWarper(sampling["temperature"]))
    if sampling.get("top_k", 0):
        made.append(TopKLogitsWarper(sampling["top_k"]))
    if sampling.get("top_p", 1.0) < 1.0:
        made.append(TopPLogitsWarper(sampling["top_p"]))
    made.append(RowNoise(keys, prompt_length, device))
    return made
