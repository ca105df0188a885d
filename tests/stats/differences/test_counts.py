"""Ratios of shares from raw counts: against the published example, another implementation, and the test they invert."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.stats.differences.counts import Ratio, _statistic, fewer, risk_ratio

LIMIT = 1.959963984540054**2


def test_the_published_example() -> None:
    found = risk_ratio(36, 40, 16, 80)
    assert found == (pytest.approx(4.5), pytest.approx(2.94, abs=0.005), pytest.approx(7.15, abs=0.005)), "Koopman 1984"


@pytest.mark.parametrize("counts", [(10, 100, 20, 100), (65, 400, 100, 400), (0, 100, 10, 100), (1, 1000, 900, 1000)])
def test_it_equals_statsmodels(counts: tuple[int, int, int, int]) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    theirs = confint_proportions_2indep(*counts, compare="ratio", method="score", correction=False)
    found = risk_ratio(*counts)
    assert (found.low, found.high) == pytest.approx(theirs, rel=1e-4, abs=1e-9)


def test_no_hit_in_one_group_still_has_a_bound() -> None:
    found = risk_ratio(0, 100, 10, 100)
    assert found.point == found.low == 0 and found.high is not None and 0.3 < found.high < 0.45
    other = risk_ratio(10, 100, 0, 100)
    assert other.point is None and other.high is None
    assert other.low == pytest.approx(1 / found.high), "seen from the other side"
    assert risk_ratio(0, 20, 0, 20) == Ratio(None, 0, None)


counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_the_bounds_are_where_the_test_begins_to_reject(arm: tuple[int, int], baseline: tuple[int, int]) -> None:
    found = risk_ratio(*arm, *baseline)
    if found.point is not None:
        assert found.low <= found.point <= (math.inf if found.high is None else found.high)
    if arm[0]:
        assert _statistic(found.low, *arm, *baseline) == pytest.approx(LIMIT, rel=1e-5)
    if found.high is not None:
        assert _statistic(found.high, *arm, *baseline) == pytest.approx(LIMIT, rel=1e-5)
    back = risk_ratio(*baseline, *arm)
    if back.high is not None:
        assert found.low == pytest.approx(1 / back.high, rel=1e-5)


def test_it_covers() -> None:
    draw, covered, trials = random.Random(0), 0, 400
    for _ in range(trials):
        x = sum(draw.random() < 0.05 for _ in range(120))
        y = sum(draw.random() < 0.1 for _ in range(120))
        found = risk_ratio(x, 120, y, 120)
        covered += found.low <= 0.5 <= (math.inf if found.high is None else found.high)
    assert 0.92 <= covered / trials <= 0.98


def test_how_much_it_fell() -> None:
    point, low, high = fewer(risk_ratio(65, 400, 100, 400))
    assert point == pytest.approx(0.35) and low is not None and 0 < low < 0.35 < high < 1
    assert fewer(Ratio(None, 0.5, None)) == (None, None, 0.5)


@pytest.mark.parametrize("wrong", [(5, 4, 1, 2), (-1, 4, 1, 2), (0, 0, 1, 2), (1, 2, 3, 2)])
def test_counts_that_cannot_be(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="is no share"):
        risk_ratio(*wrong)
