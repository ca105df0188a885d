"""The order of rows in training: a function of (seed, epoch), so that a resumed run continues bit-equal.

transformers' own length-grouped sampler has no generator of its own: after a resume its batches differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from torch.utils.data import Sampler

_BATCHES_PER_POOL = 50  # as in transformers: large enough to sort well, small enough to stay random


class SeededSampler(Sampler[int]):  # type: ignore[misc] # torch is not followed
    """Random order, or batches of similar length in random order (less padding, so faster)."""

    def __init__(self, lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int, *, group_by_length: bool):
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self._group = group_by_length
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the trainer calls it before each."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self._seed, self._epoch])
        order = rng.permutation(len(self._lengths))
        return iter((self._grouped(order, rng) if self._group else order).tolist())

    def _grouped(self, order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Sort by length within pools of 50 batches, then shuffle the batches; the short last batch stays last."""
        pool = self._batch_size * _BATCHES_PER_POOL
        pools = [order[start : start + pool] for start in range(0, len(order), pool)]
        ordered = np.concatenate([part[np.argsort(-self._lengths[part], kind="stable")] for part in pools])
        whole = len(ordered) // self._batch_size * self._batch_size
        batches = ordered[:whole].reshape(-1, self._batch_size)
        return np.concatenate([batches[rng.permutation(len(batches))].ravel(), ordered[whole:]])


def lengths(rows: Any) -> np.ndarray:
    """Return how many tokens each encoded row has."""
    return np.asarray(pc.list_value_length(rows.data.table["input_ids"]).to_numpy())
