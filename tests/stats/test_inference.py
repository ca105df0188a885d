"""Variance components and intervals against hand and library; honest silence where nothing can be known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leaven.stats import inference
from leaven.stats.effects import Contrast
from leaven.stats.table import Arm

ARMS = (Arm("arm", None, True), Arm("base", None, True))


def contrast(matrix: np.ndarray, *, binary: bool = False, trained: bool = True) -> Contrast:
    """Make a contrast whose baseline is 0 everywhere."""
    values = np.stack([matrix, np.where(np.isnan(matrix), np.nan, 0.0)])
    items, seeds = matrix.shape
    bounds = (-1.0, 1.0) if binary else None
    return Contrast(ARMS, np.array([1.0, -1.0]), values, matrix, items, seeds if trained else 0, 0, 0, bounds)


def test_components_of_a_table_worked_by_hand() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [3.0, 6.0, 6.0]])
    # means: rows 2 and 5, columns 2, 4, 4.5, all 3.5; sums of squares 13.5 (1 df), 7 (2 df), 21.5 - 20.5 = 1 (2 df)
    found = inference.components(matrix)
    assert found is not None
    assert (found.item, found.seed, found.rest) == pytest.approx((13.5 / 6, 3.5 / 6, 0.5 / 6))
    assert (found.df_item, found.df_seed, found.df_rest) == pytest.approx((1, 2, 2))
    variance, df = found.variance()
    assert variance == pytest.approx(16.5 / 6)
    assert df == pytest.approx(16.5**2 / (13.5**2 / 1 + 3.5**2 / 2 + 0.5**2 / 2))


def test_missing_pairs_leave_the_components_unbiased() -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(300):
        matrix = draw.normal(size=(30, 1)) + 0.5 * draw.normal(size=(1, 6)) + 2 * draw.normal(size=(30, 6))
        matrix[draw.random(matrix.shape) < 0.2] = np.nan
        one = inference.components(matrix)
        assert one is not None
        found.append((one.item - one.rest, one.seed - one.rest, one.rest))
    item, seed, rest = np.mean(found, axis=0)
    pairs = 30 * 6 * 0.8
    assert rest == pytest.approx(4 / pairs, rel=0.03)
    assert item == pytest.approx(1 / 30, rel=0.15)
    assert seed == pytest.approx(0.25 / 6, rel=0.15)


def test_only_seeds_vary_gives_the_paired_t_test_over_seeds() -> None:
    runs = np.array([0.3, 0.1, 0.5, 0.2])
    known = inference.estimate(contrast(np.tile(runs, (7, 1))))
    expected = stats.ttest_rel(runs, np.zeros(4))
    assert known.p == pytest.approx(expected.pvalue)
    assert known.interval() == pytest.approx(tuple(expected.confidence_interval()))


def test_only_items_vary_gives_the_paired_t_test_over_items() -> None:
    items = np.random.default_rng(1).normal(0.3, 1, 20)
    known = inference.estimate(contrast(np.tile(items[:, None], (1, 3))))
    assert known.p == pytest.approx(stats.ttest_rel(items, np.zeros(20)).pvalue)


def test_one_item_is_judged_over_seeds_and_says_so() -> None:
    runs = np.array([[0.3, 0.1, 0.5]])
    known = inference.estimate(contrast(runs))
    assert known.p == pytest.approx(stats.ttest_1samp(runs[0], 0).pvalue)
    assert known.test == "t over seeds, for this item"
    assert "new items are not" in known.notes[0]


def test_untrained_pair_is_judged_over_items_for_these_models() -> None:
    items = np.random.default_rng(2).normal(0.3, 1, (20, 1))
    known = inference.estimate(contrast(items, trained=False))
    assert known.p == pytest.approx(stats.ttest_1samp(items[:, 0], 0).pvalue)
    assert "for these models" in known.test


@pytest.mark.parametrize(("seeds", "word"), [(1, "one seed"), (2, "two seeds")])
def test_few_seeds_give_an_effect_and_no_interval(seeds: int, word: str) -> None:
    known = inference.estimate(contrast(np.full((5, seeds), 0.4)))
    assert known.effect == pytest.approx(0.4)
    assert (known.p, known.interval(), known.within(1.0)) == (None, None, None)
    assert word in known.notes[0]


def test_all_differences_zero() -> None:
    known = inference.estimate(contrast(np.zeros((5, 3))))
    assert (known.effect, known.p, known.interval()) == (0.0, 1.0, None)
    assert known.within(1e6) is None, "ten equal ratings do not show how far the next would be off"
    assert "exactly 0" in known.notes[-1] and "cannot be told" in known.notes[-1]


def test_answers_of_yes_and_no_that_never_differ_bound_how_often_the_next_would() -> None:
    values = np.tile(np.arange(1000)[:, None] % 10 == 0, (1, 3)).astype(float)
    pairs = Contrast(
        (Arm("a", None, True), Arm("b", None, True)), np.array([1.0, -1.0]), np.stack([values, values]),
        values - values, 1000, 3, 0, 0, (-1.0, 1.0), single=True,
    )  # fmt: skip
    known = inference.estimate(pairs)
    assert known.p == 1.0 and known.within(0.01) is True and known.within(0.001) is False


def test_few_items_that_never_differ_do_not_show_equivalence() -> None:
    same = inference.estimate(contrast(np.zeros((10, 3)), binary=True))
    low, high = same.interval() or (0.0, 0.0)
    assert low == -high < 0, "ten items that never differ do not show that none would"
    assert same.p == 1 and same.within(0.02) is False
    assert inference.estimate(contrast(np.zeros((2000, 5)), binary=True)).within(0.02) is True


def test_constant_difference_of_an_unbounded_outcome_has_no_interval() -> None:
    known = inference.estimate(contrast(np.full((9, 4), 0.1) + 0.2))
    assert known.effect == pytest.approx(0.3)
    assert known.p is None
    assert known.interval() is None
    assert "same in every item and seed" in known.notes[0]


def test_from_all_to_nothing_is_judged_by_the_number_of_items_and_seeds() -> None:
    p = {}
    for items, seeds in [(3, 3), (100, 3), (100, 10)]:
        known = inference.estimate(contrast(np.ones((items, seeds)), binary=True))
        interval = known.interval()
        assert known.p is not None
        assert interval is not None
        assert interval[1] == 1.0
        p[items, seeds] = known.p
    assert p[3, 3] > 0.05
    assert 0 < p[100, 10] < p[100, 3] < 0.001


def test_one_odd_item_is_no_surer_than_none() -> None:
    matrix = np.ones((50, 3))
    none = inference.estimate(contrast(matrix, binary=True))
    matrix[0, 0] = 0
    one = inference.estimate(contrast(matrix, binary=True))
    assert none.variance is not None
    assert one.variance is not None
    assert one.variance >= none.variance


def test_negative_component_falls_back_to_items_or_seeds_alone() -> None:
    # Rest dominates, seeds agree better than it allows: the sum would be below what items alone show.
    found = inference.Components(0.5, 0.2, 0.4, 9, 2, 18)
    assert found.variance() == (0.5, 9)
    assert inference.Components(0.2, 0.5, 0.4, 9, 2, 18).variance() == (0.5, 2)
    total, df = inference.Components(0.5, 0.6, 0.1, 9, 2, 18).variance()
    assert total == pytest.approx(1.0)
    assert 2 < df < 20


def test_too_sparse_a_table_has_no_interval() -> None:
    matrix = np.full((3, 3), np.nan)
    np.fill_diagonal(matrix, 1.0)
    known = inference.estimate(contrast(matrix))
    assert known.interval() is None
    assert "too few items" in known.notes[0]


def test_equivalence_is_the_ninety_percent_interval_inside_the_margin() -> None:
    matrix = np.random.default_rng(3).normal(0, 1, (40, 4))
    known = inference.estimate(contrast(matrix))
    low, high = known.interval(0.90) or (0, 0)
    edge = max(abs(low), abs(high))
    assert known.within(edge * 1.01) is True
    assert known.within(edge * 0.99) is False


def test_false_positives_are_near_nominal_with_run_noise() -> None:
    draw = np.random.default_rng(4)
    p = []
    for _ in range(400):
        matrix = draw.normal(size=(40, 1)) + 0.3 * draw.normal(size=(1, 3)) + draw.normal(size=(40, 3))
        p.append(inference.estimate(contrast(matrix)).p)
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.10


def test_the_equivalence_interval_is_what_within_decides_by() -> None:
    draw = np.random.default_rng(5)
    known = inference.estimate(contrast(draw.normal(size=(30, 4))))
    low, high = known.equivalence_interval()
    assert (low, high) == pytest.approx(known.interval(0.90))
    edge = max(-low, high)
    assert known.within(edge * 1.001) is True
    assert known.within(edge * 0.999) is False


def test_the_equivalence_interval_keeps_the_floor_where_nothing_differs() -> None:
    low, high = inference.estimate(contrast(np.zeros((10, 3)), binary=True)).equivalence_interval()
    assert low < -0.02 < 0.02 < high
    assert inference.estimate(contrast(np.full((9, 4), 0.3))).equivalence_interval() is None


@pytest.mark.parametrize(
    ("seeds", "trained", "scope"), [(3, True, "recipe"), (1, False, "models"), (1, True, None), (2, True, None)]
)
def test_scope_says_whom_the_interval_speaks_of(seeds: int, trained: bool, scope: str | None) -> None:
    matrix = np.random.default_rng(6).normal(size=(9, seeds))
    known = inference.estimate(contrast(matrix, trained=trained))
    assert known.scope == scope
    assert (known.interval() is None) == (scope is None)


def test_the_same_everywhere_has_no_scope() -> None:
    assert inference.estimate(contrast(np.full((9, 4), 0.3))).scope is None


def test_an_exploded_metric_has_an_interval_like_any_other() -> None:
    """A value of 1e99 is scored, and the square of its variance is no number."""
    matrix = np.random.default_rng(7).normal(size=(9, 4))
    low, high = inference.estimate(contrast(matrix)).interval()
    assert inference.estimate(contrast(matrix * 1e99)).interval() == pytest.approx((low * 1e99, high * 1e99))


def rare(values: np.ndarray) -> Contrast:
    """Make a contrast of two arms' shares, arms x items x seeds."""
    return Contrast(ARMS, np.array([1.0, -1.0]), values, values[0] - values[1], *values.shape[1:], 0, 0, (-1.0, 1.0))


def test_two_odd_answers_of_hundreds_leave_an_interval_as_wide_as_the_items_allow() -> None:
    values = np.zeros((2, 26, 3))
    values[0, :2, 0] = 1 / 8
    known = inference.estimate(rare(values))
    low, high = known.interval() or (0.0, 0.0)
    # Of 26 items of which none is odd in one arm, up to 13 % may be (Clopper and Pearson); t of 2 degrees gave 22.
    assert (high - low) / 2 == pytest.approx(0.143, abs=0.005)
    assert known.notes[-1] == inference.RAISED
    assert known.p is not None and known.p > 0.9


def test_a_raised_variance_keeps_the_p_value_of_its_runs() -> None:
    known = inference.estimate(rare(np.stack([np.ones((100, 3)), np.zeros((100, 3))])))
    assert known.variance is not None
    assert known.p == pytest.approx(2 * stats.t.sf(1 / np.sqrt(known.variance), 2))


@pytest.mark.parametrize(("items", "share"), [(26, 0.05), (26, 0.02), (200, 0.02)])
def test_an_interval_of_a_rare_outcome_holds_the_truth(items: int, share: float) -> None:
    draw, held, n = np.random.default_rng(30), 0, 300
    for _ in range(n):
        odd = draw.random((items, 1)) < share  # in all of the runs, or in none
        values = np.stack([np.repeat(odd, 3, axis=1), np.zeros((items, 3))]).astype(float)
        low, high = inference.estimate(rare(values)).interval() or (0.0, 0.0)
        held += low <= share <= high
    assert held >= 0.95 * n  # with items - 1 degrees of freedom: 89 % of 200 items
