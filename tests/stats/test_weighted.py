"""Allocation to classes; weighted order of scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from leaven.stats import weighted


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
    assert found == pytest.approx(roc_auc_score(label, score, sample_weight=weight))
    assert weighted.auc(score[:12], weight[:12], score[:0], weight[:0]) is None


def test_share_of_unlike_weights_is_less_sure() -> None:
    hits = np.array([True, False] * 10)
    alike, unlike = weighted.share(hits, np.ones(20)), weighted.share(hits, np.repeat([1.0, 9.0], 10))
    assert alike[0] == pytest.approx(0.5) == unlike[0]
    assert alike[1:] == pytest.approx(proportion_confint(10, 20, method="wilson"))
    kish = 100**2 / 820
    assert unlike[1:] == pytest.approx(proportion_confint(kish / 2, kish, method="wilson"))
