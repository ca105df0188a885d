"""Tests over items alone against statsmodels, scipy and a textbook; offered for single greedy models only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from leaven.comparison import ForTheseModels
from leaven.stats import effects
from leaven.stats.differences.items import for_these_models
from leaven.stats.effects import Contrast
from leaven.stats.table import COLUMNS, Cube, cubes


def of(contrast: Contrast, seed: int = 0) -> ForTheseModels:
    return for_these_models(contrast, greedy=True, seed=seed)


def table(better: int, worse: int, same: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two arms' outcomes with so many discordant pairs."""
    arm = np.r_[np.ones(better), np.zeros(worse), np.ones(same)]
    return arm[:, None], np.r_[np.zeros(better), np.ones(worse), np.ones(same)][:, None]


def test_mcnemar_of_the_textbook(pair) -> None:
    """Airway hyper-responsiveness before and after stem cell transplantation, 1 against 7 of 21 children.

    Fagerland, Lydersen and Laake (2013), table 1: exact conditional p = 0.070, mid-p = 0.039.
    """
    found = of(pair(*table(1, 7, 13)))
    assert found.models_test == "McNemar, mid-p"
    assert found.models_p == pytest.approx(0.039, abs=5e-4)


@pytest.mark.parametrize(("better", "worse"), [(3, 9), (9, 3), (0, 6), (5, 5), (40, 61), (1, 0)])
def test_mcnemar_is_statsmodels_less_half_of_what_is_as_extreme(pair, better: int, worse: int) -> None:
    exact = mcnemar([[4, better], [worse, 4]], exact=True).pvalue
    point = stats.binom.pmf(min(better, worse), better + worse, 0.5)
    expected = 1.0 - point / 2 if better == worse else exact - point
    assert of(pair(*table(better, worse, 8))).models_p == pytest.approx(expected)


def test_an_item_of_several_groups_is_no_pair_of_mcnemar() -> None:
    """Over all items its outcomes are averaged: 3 of 4 wrappers is no outcome of 0 or 1, and one item is one sign."""
    cube, whole, groups = grouped()
    found = of(effects.contrast(cube, effects.difference("arm", "base")))
    assert found.models_test == "sign-flip"
    expected = stats.permutation_test((whole,), np.sum, permutation_type="samples", n_resamples=10**5)
    assert found.models_p == pytest.approx(expected.pvalue)
    for cube in groups:  # within one group each item stands once
        assert of(effects.contrast(cube, effects.difference("arm", "base"))).models_test == "McNemar, mid-p"


def grouped() -> tuple[Cube, np.ndarray, list[Cube]]:
    """Return twelve items under four wrappers: the cube of all, its items' differences, and each wrapper's cube."""
    draw = np.random.default_rng(7)
    hits = {"arm": draw.random((12, 4)) < 0.4, "base": draw.random((12, 4)) < 0.6}
    rows = [
        (name, None, 0, "s", "m", f"w{k}", f"i{item}", 0, float(values[item, k]))
        for name, values in hits.items() for item in range(12) for k in range(4)
    ]  # fmt: skip
    cube, *groups = cubes(pd.DataFrame(rows, columns=COLUMNS))
    return cube, hits["arm"].mean(axis=1) - hits["base"].mean(axis=1), groups


def test_no_discordant_pair_is_no_evidence(pair) -> None:
    assert of(pair(*table(0, 0, 8))) == ForTheseModels("McNemar, mid-p", 1.0)
    flat = np.full((8, 1), 0.3)
    assert of(pair(flat, flat)) == ForTheseModels("sign-flip", 1.0)


@pytest.mark.parametrize("items", [1, 2, 7, 13])
def test_few_items_have_all_signs_tried_as_scipy_does(pair, items: int) -> None:
    apart = np.random.default_rng(items).normal(0.4, 1, items)
    found = of(pair(apart[:, None], np.zeros((items, 1))))
    assert found.models_test == "sign-flip"
    if items == 1:
        assert (found.models_p, found.models_low) == (1.0, None)
        return
    expected = stats.permutation_test((apart,), np.sum, permutation_type="samples", n_resamples=10**5)
    assert found.models_p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("items", [14, 250, 2_500])
def test_many_items_have_signs_drawn(pair, items: int) -> None:
    """Near the t test, whose null distribution theirs is close to; equal for equal seeds."""
    contrast = pair(np.random.default_rng(0).normal(1.5 / np.sqrt(items), 1, (items, 1)), np.zeros((items, 1)))
    found = of(contrast)
    assert found == of(contrast)
    assert found != of(contrast, seed=1)
    assert found.models_p == pytest.approx(stats.ttest_1samp(contrast.matrix[:, 0], 0).pvalue, abs=0.02)


def test_drawn_signs_keep_their_level(pair) -> None:
    draw = np.random.default_rng(1)
    p = [of(pair(np.round(draw.normal(size=(20, 1)), 1), np.zeros((20, 1))), k).models_p for k in range(300)]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09


def test_interval_is_the_paired_bootstrap_over_items(pair) -> None:
    arm, base = np.random.default_rng(2).normal((0.3, 0.0), 1, (400, 2)).T
    found = of(pair(arm[:, None], base[:, None]))
    expected = stats.ttest_rel(arm, base).confidence_interval()
    assert (found.models_low, found.models_high) == pytest.approx(tuple(expected), abs=0.02)


def test_it_says_nothing_of_more_runs_samples_or_draws(pair) -> None:
    draw = np.random.default_rng(3)
    one, two = draw.normal(size=(2, 9, 1)), draw.normal(size=(2, 9, 2))
    assert for_these_models(pair(*one), greedy=False) == ForTheseModels()
    assert of(pair(*one, single=False)) == ForTheseModels()
    assert of(pair(*two)) == ForTheseModels()
    assert of(pair(np.full((9, 1), np.nan), one[0])) == ForTheseModels()


def test_untrained_models_are_single_models(pair) -> None:
    found = of(pair(*np.random.default_rng(4).normal(size=(2, 9, 1)), trained=(False, False)))
    assert found.models_p is not None
