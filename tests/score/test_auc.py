"""The area under the ROC curve: equal to counting pairs, and its values per item carry DeLong's variance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from leaven.score.auc import auc, influence

ITEMS = st.lists(st.tuples(st.integers(0, 4).map(float), st.booleans()), min_size=1, max_size=30)


def by_pairs(scores: list[float], positive: list[bool]) -> float | None:
    above = [score for score, is_positive in zip(scores, positive, strict=True) if is_positive]
    below = [score for score, is_positive in zip(scores, positive, strict=True) if not is_positive]
    if not above or not below:
        return None
    return sum((a > b) + (a == b) / 2 for a in above for b in below) / (len(above) * len(below))


@given(ITEMS)
def test_equal_to_counting_pairs_ties_half(items: list[tuple[float, bool]]) -> None:
    scores, positive = [score for score, _ in items], [is_positive for _, is_positive in items]
    assert auc(scores, positive) == by_pairs(scores, positive)


@given(ITEMS.filter(lambda items: len({is_positive for _, is_positive in items}) == 2))
def test_the_mean_of_the_items_is_the_area_and_their_variance_delongs(items: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([score for score, _ in items]), np.array([is_positive for _, is_positive in items])
    values = np.array(influence(scores.tolist(), positive.tolist()))
    assert values.mean() == pytest.approx(auc(scores.tolist(), positive.tolist()), abs=1e-12)
    above, below = scores[positive], scores[~positive]
    wins = (above[:, None] > below) + (above[:, None] == below) / 2
    if min(wins.shape) > 1:
        delong = wins.mean(axis=1).var(ddof=1) / wins.shape[0] + wins.mean(axis=0).var(ddof=1) / wins.shape[1]
        assert values.var(ddof=1) / len(values) == pytest.approx(delong, abs=1e-12)


def test_equal_to_scipy_on_many_items_and_infinities_rank() -> None:
    random = np.random.default_rng(0)
    scores, positive = np.round(random.normal(size=3000), 2), random.random(3000) < 0.3
    scores[:5] = math.inf
    told = stats.mannwhitneyu(scores[positive], scores[~positive]).statistic / (positive.sum() * (~positive).sum())
    assert auc(scores.tolist(), positive.tolist()) == told


def test_one_class_alone_has_no_area_and_no_items() -> None:
    assert auc([1.0, 2.0], [True, True]) is None
    assert auc([], []) is None
    with pytest.raises(ValueError, match="both classes"):
        influence([1.0, 2.0], [False, False])


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="leave such items out"):
        auc([1.0, math.nan], [True, False])


def test_one_positive_item_lies_on_the_area() -> None:
    values = influence([2.0, 1.0, 3.0], [True, False, False])
    assert values[0] == 0.5
    assert sum(values) / 3 == pytest.approx(0.5)


def test_a_difference_of_two_models_has_an_interval_that_holds() -> None:
    """40 and 40 items, two models whose scores go together: the paired t-interval covers the true difference."""
    random, held, rounds = np.random.default_rng(1), 0, 600
    positive, shift = np.repeat([True, False], 40), np.repeat([1.0, 0.0], 40)
    truth = stats.norm.cdf(0.8 / math.sqrt(2)) - stats.norm.cdf(0.3 / math.sqrt(2))
    for _ in range(rounds):
        shared = random.normal(size=80) * math.sqrt(0.8)
        one, other = (shared + random.normal(size=80) * math.sqrt(0.2) + shift * by for by in (0.8, 0.3))
        each = np.array(influence(one.tolist(), positive.tolist())) - influence(other.tolist(), positive.tolist())
        half = stats.t.ppf(0.975, 79) * each.std(ddof=1) / math.sqrt(80)
        held += abs(each.mean() - truth) <= half
    assert 0.925 <= held / rounds <= 0.975
