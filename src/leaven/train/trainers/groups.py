"""The order in which prompts are asked: a function of (seed, epoch), so that a resumed training continues bit-equal.

TRL's own sampler goes on with one generator: after a resume in a later epoch its order would be the first epoch's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class Groups(Sampler[int]):  # type: ignore[misc] # torch is not followed
    """Prompts in random order, ``at_once`` of them a time, each as often as it gets ``answers``.

    What is asked at once comes ``passes`` times in a row, as TRL reads it: the first time it is answered, then the
    answers are trained on. Prompts that fill no whole step at an epoch's end wait for another epoch.
    """

    def __init__(self, prompts: int, at_once: int, answers: int, passes: int, seed: int):
        self._prompts, self._at_once, self._answers, self._passes = prompts, at_once, answers, passes
        self._seed, self._epoch = seed, 0

    def __len__(self) -> int:
        return self._prompts // self._at_once * self._at_once * self._answers * self._passes

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the trainer calls it before each."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._prompts)
        whole = order[: self._prompts // self._at_once * self._at_once].reshape(-1, 1, self._at_once, 1)
        every = np.broadcast_to(whole, (len(whole), self._passes, self._at_once, self._answers))
        return iter(every.ravel().tolist())
