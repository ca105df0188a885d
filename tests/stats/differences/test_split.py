"""Where the doubt comes from: shares worked by hand, recovered from simulated components, and null where unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.comparison import Split
from leaven.stats import effects, table
from leaven.stats.differences.split import split


def shares(found: Split) -> list[float]:
    return [found.share_item or 0.0, found.share_seed or 0.0, found.share_rest or 0.0, found.share_sampling or 0.0]


def test_shares_of_a_table_worked_by_hand(pair) -> None:
    # Mean squares 13.5 of items, 3.5 of seeds, 0.5 of the rest, by six pairs (see test_inference): 13 : 3 : 0.5.
    found = split(pair([[1.0, 2.0, 3.0], [3.0, 6.0, 6.0]], np.zeros((2, 3))))
    assert shares(found)[:3] == pytest.approx([13 / 16.5, 3 / 16.5, 0.5 / 16.5])
    assert found.share_sampling is None


def test_shares_are_those_of_the_components_that_made_them(pair) -> None:
    draw, found = np.random.default_rng(0), []
    for _ in range(60):
        apart = draw.normal(size=(100, 1)) + 0.3 * draw.normal(size=(1, 8)) + 2 * draw.normal(size=(100, 8))
        found.append(shares(split(pair(apart, np.zeros((100, 8)))))[:3])
    parts = np.array([1 / 100, 0.09 / 8, 4 / 800])
    assert np.mean(found, axis=0) == pytest.approx(parts / parts.sum(), abs=0.05)


def sampled(arms: dict[str, bool], per_item: int, noise: float, seeds: int = 4, items: int = 60) -> effects.Contrast:
    """Make rows of several samples an item; without noise, samples of an item are alike."""
    draw, rows = np.random.default_rng(3), []
    for arm, trained in arms.items():
        for seed in range(seeds) if trained else [None]:
            level = draw.normal(size=items)
            for sample in range(per_item):
                value = level + noise * draw.normal(size=items)
                rows += [("s", "m", None, None, arm, seed, f"i{k}", sample, value[k]) for k in range(items)]
    columns = ["suite", "metric", "group", "dose", "arm", "seed", "item_id", "sample", "value"]
    (cube,) = table.cubes(pd.DataFrame(rows, columns=columns))
    return effects.contrast(cube, effects.difference("arm", "base"))


def test_sampling_is_part_of_what_is_left() -> None:
    """All that varies beside the samples' noise is the rest, with variance 1: noise of 2 in 4 samples makes it half."""
    found = split(sampled({"arm": True, "base": True}, 4, 2.0))
    assert found.share_sampling / (found.share_rest + found.share_sampling) == pytest.approx(0.5, abs=0.1)
    assert sum(shares(found)) == pytest.approx(1)
    alike = split(sampled({"arm": True, "base": True}, 4, 0.0))
    assert alike.share_sampling == pytest.approx(0, abs=1e-12)
    assert split(sampled({"arm": True, "base": True}, 1, 2.0)).share_sampling is None


def test_an_untrained_arms_samples_are_part_of_the_items() -> None:
    """They meet every seed: the base's noise of 3 in 2 samples does not average out over seeds."""
    found = split(sampled({"arm": True, "base": False}, 2, 3.0))
    # Items: 1 + 9/2 of the untrained arm by 60; what is left: 1 + 9/2 of the trained one by 240.
    assert found.share_sampling == pytest.approx(4.5 / 5.5, abs=0.12)
    assert sum(shares(found)) == pytest.approx(1)


def test_a_pair_with_one_scored_sample_is_taken_like_the_others(pair) -> None:
    draw = np.random.default_rng(1)
    apart, noise = draw.normal(size=(20, 4)), np.full((2, 20, 4), 0.2)
    whole = split(pair(apart, np.zeros((20, 4)), noise=noise))
    noise[0, :5] = np.nan
    assert shares(split(pair(apart, np.zeros((20, 4)), noise=noise))) == pytest.approx(shares(whole))
    noise[0] = np.nan
    assert split(pair(apart, np.zeros((20, 4)), noise=noise)).share_sampling is None


@pytest.mark.parametrize("shape", [(1, 5), (9, 1), (9, 2)])
def test_nothing_is_said_where_there_is_no_interval_for_the_recipe(pair, shape: tuple[int, int]) -> None:
    assert split(pair(np.random.default_rng(0).normal(size=shape), np.zeros(shape))) == Split()


def test_nothing_is_said_where_nothing_varies(pair) -> None:
    assert split(pair(np.ones((5, 4)), np.zeros((5, 4)))) == Split()
    assert split(pair(np.full((5, 4), np.nan), np.zeros((5, 4)))) == Split()


def test_untrained_arms_have_items_alone(pair) -> None:
    apart = np.random.default_rng(0).normal(size=(9, 1))
    assert split(pair(apart, np.zeros((9, 1)), trained=(False, False))) == Split(1.0, 0.0, 0.0)


@given(seed=st.integers(0, 10_000), items=st.integers(2, 12), seeds=st.integers(3, 5), missing=st.floats(0, 0.5))
def test_shares_are_positive_and_sum_to_one(pair, seed: int, items: int, seeds: int, missing: float) -> None:
    draw = np.random.default_rng(seed)
    apart = draw.normal(size=(items, 1)) * draw.integers(0, 2) + np.round(draw.normal(size=(items, seeds)), 1)
    apart[draw.random(apart.shape) < missing] = np.nan
    found = split(pair(apart, np.zeros(apart.shape), noise=draw.random((2, *apart.shape))))
    if found != Split():
        assert min(shares(found)) >= 0
        assert sum(shares(found)) == pytest.approx(1)
