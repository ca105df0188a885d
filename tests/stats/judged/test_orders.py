"""Ranks as matrices, Kendall's tau, shares and means over prompts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from leaven.errors import ReportError
from leaven.stats.judged.intervals import mean, share
from leaven.stats.judged.orders import best, of_votes, orders, taus


def ranks(rows: list[tuple[str, int, int, int | None, float | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "sample", "asking", "place", "rank"])


def test_tau_is_scipys_with_ties_and_gaps() -> None:
    draw = np.random.default_rng(0)
    one, other = (draw.integers(1, 5, (200, 6)).astype(float) for _ in range(2))
    one[draw.random(one.shape) < 0.2] = np.nan
    found = taus(one, other)
    for row in range(200):
        there = ~np.isnan(one[row])
        wanted = kendalltau(one[row][there], other[row][there]).statistic if there.sum() > 1 else np.nan
        assert found[row] == pytest.approx(wanted, nan_ok=True)


def test_answers_stand_in_the_same_column_in_both_askings_whatever_their_numbers() -> None:
    seen = orders(ranks([("b", 7, 0, 1, 1.0), ("b", 2, 0, 0, 2.0), ("b", 2, 1, 1, 1.0), ("b", 7, 1, 0, 2.0)]))
    assert seen.rank.tolist() == [[2.0, 1.0], [1.0, 2.0]] and seen.place.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert seen.asking.tolist() == [0, 1] and seen.group[0] == seen.group[1]


def test_an_answer_that_is_ranked_twice_in_one_asking_is_refused() -> None:
    with pytest.raises(ReportError, match="prompt a, answer 0, is ranked twice in asking 0"):
        orders(ranks([("a", 0, 0, 0, 1.0), ("a", 0, 0, 1, 2.0)]))


def test_two_runs_of_one_prompt_are_one_prompt_and_two_groups() -> None:
    rows = ranks([("a", 0, 0, 0, 1.0), ("a", 1, 0, 1, 2.0)])
    both = pd.concat([rows.assign(run=0), rows.assign(run=1)])
    seen = orders(both)
    assert seen.prompt.tolist() == [0, 0] and seen.group.tolist() == [0, 1]


def test_equal_answers_stood_in_one_place_and_are_one_to_the_judge() -> None:
    seen = orders(ranks([("a", 0, 0, 1, 2.0), ("a", 1, 0, 0, 3.5), ("a", 2, 0, 0, 3.5), ("a", 3, 0, 2, 1.0)])).shown
    assert seen.there.tolist() == [[True, True, False, True]]
    assert np.array_equal(seen.rank, [[2.0, 3.0, np.nan, 1.0]], equal_nan=True)


def test_the_best_share_their_place_and_an_unread_question_has_none() -> None:
    seen = orders(ranks([("a", 0, 0, 0, 1.5), ("a", 1, 0, 1, 1.5), ("a", 2, 0, 2, 3.0),
                         ("b", 0, 0, 0, None), ("b", 1, 0, 1, 1.0)]))  # fmt: skip
    found = best(seen)
    assert found[0].tolist() == [0.5, 0.5, 0.0] and np.isnan(found[1]).all()


def test_votes_are_questions_about_two() -> None:
    votes = pd.DataFrame(
        [("a", 0, 3, 1, "second"), ("a", 0, 1, 2, "tie"), ("a", 0, 2, 3, None)],
        columns=["id", "asking", "first", "second", "choice"],
    )
    sizes = pd.DataFrame([("a", 1, 8), ("a", 2, 0), ("a", 3, 32)], columns=["id", "sample", "length"])
    seen = of_votes(votes, sizes)
    assert np.array_equal(seen.rank, [[2, 1], [1.5, 1.5], [np.nan, np.nan]], equal_nan=True)
    assert seen.length.tolist() == [[5.0, 3.0], [3.0, 0.0], [0.0, 5.0]], "an empty answer counts as one character"
    assert seen.is_whole.tolist() == [True, True, False]


def test_a_share_is_wilsons_where_each_prompt_has_one_question() -> None:
    found = share(np.array([1.0] * 8 + [0.0] * 2), np.arange(10))
    assert (found.k, found.n, found.prompts, found.value) == (8, 10, 10, 0.8)
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


@pytest.mark.parametrize("hits", [[1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0], [1.0] * 10])
def test_answers_that_go_together_count_once(hits: list[float]) -> None:
    once = share(np.array(hits), np.arange(10))
    five = share(np.repeat(hits, 5), np.repeat(np.arange(10), 5))
    apart = share(np.repeat(hits, 5), np.arange(50))
    assert None not in (once.low, five.low, apart.low, five.high, apart.high, once.high)
    assert five.n == 50 and five.prompts == 10 and five.value == once.value
    assert five.high - five.low >= once.high - once.low > apart.high - apart.low  # type: ignore[operator]


def test_no_question_has_no_share_and_one_prompt_no_interval() -> None:
    assert share(np.array([]), np.array([], dtype=int)).value is None
    assert mean(np.array([np.nan]), np.array([0])).value is None
    one = mean(np.array([0.2, 0.4]), np.array([3, 3]))
    assert one.value == pytest.approx(0.3) and one.low is None and one.prompts == 1


def test_prompts_that_all_agree_are_no_proof() -> None:
    few, many = (mean(np.ones(n), np.arange(n)) for n in (3, 300))
    assert few.high == many.high == 1 and few.low < 0 < 0.97 < many.low  # type: ignore[operator]


def test_a_mean_weighs_prompts_alike_and_ends_at_its_bounds(made: Callable[..., object]) -> None:
    found = mean(np.array([1.0, 1.0, 1.0, -1.0]), np.array([0, 0, 0, 1]))
    assert found.value == 0 and (found.low, found.high) == (-1, 1)
