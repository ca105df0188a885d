"""Sampling noise that belongs to the row: a function of (item, sample, seed, position, token), of nothing else.

With the stock sampler one row's text depends on its neighbours in the batch. Here each row adds Gumbel noise from a
counter-based generator to its filtered log-probabilities and takes the largest (the Gumbel-max trick: an exact draw
from the softmax). So any batch, shard, order or arm draws the same numbers for the same item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

_GOLDEN = -7046029254386353131  # 2^64 / golden ratio, as a signed 64-bit number (SplitMix64)
_MIX_1 = -4658895280553007687
_MIX_2 = -7723592293110705685
_DENSE = 0.25  # share of tokens still possible from which drawing for all of them is quicker


def row_key(seed: int, item: str, sample: int) -> int:
    """Return the 63-bit key of one row's noise."""
    text = f"{seed}\x1f{item}\x1f{sample}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1


def uniform(keys: torch.Tensor, position: int, vocabulary: int) -> torch.Tensor:
    """Return uniforms in (0, 1), float64, of shape (rows, vocabulary): SplitMix64 of key, position and token."""
    tokens = torch.arange(vocabulary, device=keys.device, dtype=torch.int64)
    return _drawn(keys[:, None], position, tokens[None, :])


def _drawn(keys: torch.Tensor, position: int, tokens: torch.Tensor) -> torch.Tensor:
    state = _mixed(keys + _signed(_GOLDEN * (position + 1))) + _GOLDEN * (tokens + 1)
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
        likely = torch.log_softmax(scores.to(torch.float64), dim=-1)
        possible = likely > -torch.inf
        if int(possible.count_nonzero()) > _DENSE * likely.numel():
            return likely - torch.log(-torch.log(uniform(self._keys, position, scores.shape[1])))
        # What a filter has ruled out needs no noise; for the rest it is the same numbers.
        rows, tokens = torch.nonzero(possible, as_tuple=True)
        likely[rows, tokens] -= torch.log(-torch.log(_drawn(self._keys[rows], position, tokens)))
        return likely

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows of the batch alone."""
        self._keys = self._keys[rows]


class PaddingUnseen(LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Shows another processor each row as it would be alone: what left padding brought in is no token of it.

    The other processor sees an id beyond the vocabulary there, which those of transformers leave out. (A repetition
    penalty on the pad token would else make a row's text, and where pad is EOS its end, depend on its neighbours.)
    """

    def __init__(self, inner: Any, padding: torch.Tensor):
        self._inner = inner
        self._padding = padding

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return what the other processor makes of the scores."""
        each = input_ids.shape[0] // self._padding.shape[0]  # beams of one row stand together
        padding = self._padding.repeat_interleave(each)[:, None]
        places = torch.arange(input_ids.shape[1], device=input_ids.device)[None, :]
        made: torch.Tensor = self._inner(input_ids.masked_fill(places < padding, scores.shape[1]), scores)
        return made

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows of the batch alone."""
        self._padding = self._padding[rows]


class Banned(LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Rules ids out of every row, so that what is drawn is the softmax of the others."""

    def __init__(self, ids: Sequence[int], device: Any):
        self._ids = torch.tensor(sorted(set(ids)), dtype=torch.int64, device=device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores without these ids."""
        return scores.index_fill(1, self._ids, -torch.inf)


class Unended(LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Lets no row end before it is long enough; ``until`` is the length, pads included, from which each row may."""

    def __init__(self, until: torch.Tensor, stop_ids: Sequence[int]):
        self._until = until
        self._stop_ids = torch.tensor(sorted(set(stop_ids)), dtype=torch.int64, device=until.device)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores, without the stop ids where a row is still too short."""
        each = input_ids.shape[0] // self._until.shape[0]  # beams of one row stand together
        short = (input_ids.shape[1] < self._until).repeat_interleave(each)[:, None]
        return torch.where(short, scores.index_fill(1, self._stop_ids, -torch.inf), scores)

    def keep(self, rows: torch.Tensor) -> None:
        """Go on with these rows of the batch alone."""
        self._until = self._until[rows]


@dataclass(frozen=True)
class Rules:
    """What is not the sampling's: ids that never come, ids that end a row, how many ids each row's penalties skip."""

    banned: Sequence[int] = ()
    stop_ids: Sequence[int] = ()
    unseen: Sequence[int] = ()


_NO_RULES = Rules()


def processors(
    sampling: dict[str, Any],
    keys: Sequence[int],
    padding: Sequence[int],
    width: int,
    device: Any,
    rules: Rules = _NO_RULES,
) -> Any:
    """Return what is done to the logits, in transformers' order: penalties, temperature, filters, each row's noise.

    ``padding`` is how many pads each row begins with, ``width`` the length of the padded prompts. What is banned goes
    first, so that a filter such as ``top_p`` is of what is left.
    """
    made = LogitsProcessorList([Banned(rules.banned, device)] if rules.banned else [])
    pads = torch.tensor(list(padding), dtype=torch.int64, device=device)
    shifts = pads + torch.tensor(list(rules.unseen), dtype=torch.int64, device=device) if any(rules.unseen) else pads
    if sampling.get("repetition_penalty", 1.0) != 1.0:
        made.append(PaddingUnseen(RepetitionPenaltyLogitsProcessor(float(sampling["repetition_penalty"])), shifts))
    if sampling.get("no_repeat_ngram_size", 0):
        made.append(PaddingUnseen(NoRepeatNGramLogitsProcessor(sampling["no_repeat_ngram_size"]), shifts))
    if sampling.get("min_length", 0) or sampling.get("min_new_tokens", 0):
        whole, new = sampling.get("min_length", 0), sampling.get("min_new_tokens", 0)
        made.append(Unended((pads + whole).clamp(min=width + new), rules.stop_ids))
    if sampling.get("do_sample", True):
        made.extend([*_filters(sampling), RowNoise(keys, width, device)])
    return made


def _filters(sampling: dict[str, Any]) -> Iterator[Any]:
    if sampling.get("temperature", 1.0) != 1.0:
        yield TemperatureLogitsWarper(float(sampling["temperature"]))
    if sampling.get("top_k", 0):
        yield TopKLogitsWarper(sampling["top_k"])
    if sampling.get("top_p", 1.0) < 1.0:
        yield TopPLogitsWarper(sampling["top_p"])
    if sampling.get("min_p", 0.0) > 0.0:
        yield MinPLogitsWarper(sampling["min_p"])
