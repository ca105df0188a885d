"""Where a training on blocks ends, and at which steps its snapshots are: from the very order in which it will train."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule:
    """``max_steps`` (-1: by epochs), the step of each snapshot, and the tokens that will be trained if they are told.

    Passed on from ``num_train_tokens`` these are exact: the steps are counted over the order that the seed gives.
    """

    max_steps: int
    snapshots: dict[float, int]
    tokens: int | None = None


def by_epochs(blocks: int, batch: int, epochs: float, max_steps: int, snapshots: Sequence[float]) -> Schedule:
    """Schedule a training by epochs or ``max_steps``; a snapshot is where a training of as many epochs would end."""
    an_epoch = math.ceil(blocks / batch)
    last = max_steps if max_steps > 0 else math.ceil(epochs * an_epoch)
    found = {at: math.ceil(at * an_epoch) for at in snapshots}
    for at, step in found.items():
        if step > last:
            raise ModelError(f"snapshots: {at:g} epochs end at step {step}, the training at step {last}; take it out")
    return Schedule(max_steps, found)


def by_tokens(lengths: np.ndarray, batch: int, seed: int, tokens: int, snapshots: Sequence[float]) -> Schedule:
    """Schedule a training that ends with the first step at which ``tokens`` were trained; snapshots are shares of it.

    ``lengths`` are the tokens of each block, ``batch`` the blocks of a step.
    """
    wanted = {at: at * tokens for at in snapshots}
    found: dict[float, int] = {}
    for step, done in enumerate(_trained(lengths, batch, seed), 1):
        found.update({at: step for at, need in wanted.items() if at not in found and done >= need})
        if done >= tokens:
            return Schedule(step, found, done)
    raise AssertionError("the order of blocks never ends")


def _trained(lengths: np.ndarray, batch: int, seed: int) -> Iterator[int]:
    """Yield how many tokens were trained after each step, epoch after epoch without end."""
    import numpy as np

    from leaven.train.trainers.sampler import SeededSampler

    order: Any = SeededSampler(lengths, batch, seed, group_by_length=False)
    before, epoch = 0, 0
    while True:
        order.set_epoch(epoch)
        each = lengths[list(order)]
        after = before + np.cumsum(np.add.reduceat(each, np.arange(0, len(each), batch)))
        yield from map(int, after)
        before, epoch = int(after[-1]), epoch + 1
