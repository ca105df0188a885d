"""Allocation to classes; weighted order of scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from leaven.stats.people import weighted


@given(st.integers(1, 400), st.integers(1, 1000), st.integers(1, 1000))
def test_allocation_spends_all_and_takes_no_more_than_there_is(wanted: int, one: int, other: int) -> None:
    got = weighted.allocated(wanted, [one, other])
    assert sum(got) == min(wanted, one + other)
    assert 0 <= got[0] <= one
    assert 0 <= got[1] <= other
    if wanted >= 10:
        assert got[0] >= min(5, one)
        assert got[1] >= min(5, other)


def test_allocation_is_by_the_root() -> None:
    assert weighted.allocated(80, [900, 100]) == [60, 20]
    assert weighted.allocated(100, [30]) == [30]


def test_auc_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(0)
    label, score, weight = np.repeat([1, 0], [12, 9]), draw.integers(0, 5, 21) / 4, draw.uniform(0.5, 9, 21)
    found = weighted.auc(score[:12], weight[:12], score[12:], weight[12:])
    assert found[0] == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert weighted.auc(score[:12], weight[:12], score[:0], weight[:0]) == (None, None, None)


@pytest.mark.parametrize(("share", "apart"), [(0.1, 1.5), (0.02, 2.0), (0.3, 1.5), (0.1, 3.0)])
def test_the_interval_of_an_auc_holds_that_of_all_answers_though_classes_are_drawn_unalike(
    share: float, apart: float
) -> None:
    draw, covered = np.random.default_rng(2), []
    harm = draw.random(4000) < share
    score = draw.normal(apart * harm, 1)
    truth, positive = roc_auc_score(harm, score), score > 1.5
    for _ in range(300):
        rows = np.concatenate([draw.choice(np.flatnonzero(positive == side), 60, replace=False) for side in (0, 1)])
        weight, label = np.where(positive[rows], positive.sum(), (~positive).sum()) / 60, harm[rows]
        _, low, high = weighted.auc(score[rows][label], weight[label], score[rows][~label], weight[~label])
        covered.append(low is not None and high is not None and low <= truth <= high)
    assert 0.90 <= np.mean(covered) <= 0.98


def test_the_interval_of_an_auc_is_near_delongs_where_all_weigh_alike() -> None:
    draw = np.random.default_rng(1)
    ones, zeros = draw.normal(1, 1, 400), draw.normal(0, 1, 600)
    order = (ones[:, None] > zeros).astype(float)
    half = 1.96 * np.sqrt(np.var(order.mean(axis=1)) / 400 + np.var(order.mean(axis=0)) / 600)
    found = weighted.auc(ones, np.ones(400), zeros, np.ones(600))
    assert found == pytest.approx((order.mean(), order.mean() - half, order.mean() + half), abs=0.003)


def test_an_auc_of_one_is_not_sure_to_be_one() -> None:
    _, low, high = weighted.auc(np.ones(8), np.ones(8), np.zeros(8), np.ones(8))
    assert low is not None and 0.6 < low < 0.9 and high == 1.0


def test_share_of_unlike_weights_is_less_sure() -> None:
    hits = np.array([True, False] * 10)
    alike, unlike = weighted.share(hits, np.ones(20)), weighted.share(hits, np.repeat([1.0, 9.0], 10))
    assert alike[0] == pytest.approx(0.5) == unlike[0]
    assert alike[1:] == pytest.approx(proportion_confint(10, 20, method="wilson"))
    kish = 100**2 / 820
    assert unlike[1:] == pytest.approx(proportion_confint(kish / 2, kish, method="wilson"))
