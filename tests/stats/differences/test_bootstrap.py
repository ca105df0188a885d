"""The bootstrap over items and seeds: beside the interval from ten seeds on, and honest where nothing can be drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from leaven.stats import inference
from leaven.stats.differences.bootstrap import two_way


def table(draw: np.random.Generator, items: int, seeds: int, of_seeds: float = 0.3) -> np.ndarray:
    return draw.normal(size=(items, 1)) + of_seeds * draw.normal(size=(1, seeds)) + draw.normal(size=(items, seeds))


def test_near_the_primary_interval_on_normal_data(pair) -> None:
    apart = table(np.random.default_rng(0), 150, 30)
    contrast = pair(apart, np.zeros(apart.shape))
    assert two_way(contrast, seed=0) == pytest.approx(inference.estimate(contrast).interval(), abs=0.04)


def test_same_seed_same_interval_another_seed_another(pair) -> None:
    apart = table(np.random.default_rng(1), 30, 10)
    contrast = pair(apart, np.zeros(apart.shape))
    assert two_way(contrast, seed=3) == two_way(contrast, seed=3)
    assert two_way(contrast, seed=3) != two_way(contrast, seed=4)


def test_what_a_unit_is_does_not_matter(pair) -> None:
    apart = table(np.random.default_rng(2), 30, 12)
    low, high = two_way(pair(apart, np.zeros(apart.shape)), seed=0)
    assert two_way(pair(1e6 * apart, np.zeros(apart.shape)), seed=0) == pytest.approx((1e6 * low, 1e6 * high))


@pytest.mark.parametrize("shape", [(40, 9), (1, 12), (0, 12)])
def test_not_offered_below_ten_seeds_or_two_items(pair, shape: tuple[int, int]) -> None:
    apart = np.random.default_rng(3).normal(size=shape)
    assert two_way(pair(apart, np.zeros(shape)), seed=0) is None


def test_not_offered_where_nothing_varies(pair) -> None:
    assert two_way(pair(np.ones((20, 10)), np.zeros((20, 10))), seed=0) is None
    assert two_way(pair(np.full((20, 10), 0.7), np.zeros((20, 10))), seed=0) is None
    odd = np.zeros((20, 10))
    odd[0, 0] = 1.0  # one odd answer of 200: what is drawn from it would claim far too much
    assert two_way(pair(odd, np.zeros((20, 10))), seed=0) is None
    lone = np.zeros((20, 10))
    lone[0] = 0.5  # an item that a third of the draws does not meet
    assert two_way(pair(lone, np.zeros((20, 10))), seed=0) is None


def test_missing_pairs_widen_it(pair) -> None:
    draw = np.random.default_rng(4)
    apart = table(draw, 60, 10, 0.0)
    low, high = two_way(pair(apart, np.zeros(apart.shape)), seed=0)
    apart[draw.random(apart.shape) < 0.5] = np.nan
    missing = two_way(pair(apart, np.zeros(apart.shape)), seed=0)
    assert missing[1] - missing[0] > high - low


def test_shares_stay_within_their_bounds(pair) -> None:
    draw = np.random.default_rng(2)
    unsure = 0.6 * (np.arange(6)[:, None] < 4)
    contrast = pair(draw.random((6, 10)) > unsure, draw.random((6, 10)) < unsure)
    low, high = two_way(contrast, seed=0)
    beyond = two_way(replace(contrast, bounds=None), seed=0)
    assert beyond[1] > 1.0
    assert (low, high) == (beyond[0], 1.0)


@pytest.mark.parametrize("of_seeds", [0.0, 0.5])
def test_covers_as_it_should_at_ten_seeds(pair, of_seeds: float) -> None:
    """200 studies, so +-3 points; seeds that do not vary, and seeds that vary most."""
    draw, covered = np.random.default_rng(6), 0
    for number in range(200):
        apart = table(draw, 40, 10, of_seeds)
        low, high = two_way(pair(apart, np.zeros(apart.shape)), seed=number, draws=500)
        covered += low <= 0 <= high
    assert 0.90 <= covered / 200 <= 0.99
