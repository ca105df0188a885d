from __future__ import annotations

import numpy as np
import pytest

from leaven.train.trainers.sampler import SeededSampler

LENGTHS = np.random.default_rng(0).integers(5, 200, size=203).tolist()


def order(seed: int = 0, epoch: int = 0, *, grouped: bool = True) -> list[int]:
    sampler = SeededSampler(LENGTHS, 8, seed, group_by_length=grouped)
    sampler.set_epoch(epoch)
    return list(sampler)


@pytest.mark.parametrize("grouped", [True, False])
def test_each_row_comes_once_and_order_is_a_function_of_seed_and_epoch(grouped: bool) -> None:
    assert sorted(order(grouped=grouped)) == list(range(203))
    assert order(grouped=grouped) == order(grouped=grouped)
    assert order(grouped=grouped) != order(seed=1, grouped=grouped)
    assert order(grouped=grouped) != order(epoch=1, grouped=grouped)


def test_grouping_pads_less() -> None:
    def padding(indices: list[int]) -> int:
        batches = [indices[start : start + 8] for start in range(0, len(indices), 8)]
        return sum(max(LENGTHS[i] for i in b) * len(b) - sum(LENGTHS[i] for i in b) for b in batches)

    assert padding(order()) < padding(order(grouped=False)) / 3
