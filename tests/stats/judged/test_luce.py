"""Plackett-Luce: planted biases are found, and no others; the likelihood is the textbook's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from leaven.stats.judged.luce import luce
from leaven.stats.judged.orders import orders

Made = Callable[..., tuple[pd.DataFrame, pd.DataFrame]]


def test_planted_biases_are_recovered(made: Made) -> None:
    found = luce(orders(*made(1, prompts=1500, place=-0.3, length=0.5, twice=0.2)))
    assert found is not None and found.prompts == 1500 and found.questions == 1800
    place, length = found.term("place"), found.term("length")
    assert place is not None and place.value == pytest.approx(-0.3, abs=0.04)
    assert length is not None and length.value == pytest.approx(0.5, abs=0.05)
    assert place.high is not None and place.high < 0 and length.low is not None and length.low > 0


def test_intervals_hold_their_level(made: Made) -> None:
    hits = []
    for seed in range(60):
        found = luce(orders(*made(seed, prompts=60, place=-0.3, length=0.4, twice=0.3)))
        assert found is not None
        for name, truth in (("place", -0.3), ("length", 0.4)):
            term = found.term(name)
            assert term is not None and term.low is not None and term.high is not None
            hits.append(term.low <= truth <= term.high)
    assert 0.88 < np.mean(hits) <= 1, "nominal 0.95 of 120"


def test_the_same_answers_asked_twice_do_not_count_twice(made: Made) -> None:
    ranks, sizes = made(3, prompts=80, length=0.5, twice=0)
    copied = pd.concat([ranks, ranks.assign(asking=1)])
    once, twice = luce(orders(ranks, sizes)), luce(orders(copied, sizes))
    assert once is not None and twice is not None
    for one, other in zip(once.terms, twice.terms, strict=True):
        assert (other.value, other.error) == (pytest.approx(one.value), pytest.approx(one.error))


def test_with_two_answers_it_is_a_logit() -> None:
    """60 of 100 firsts: the log-odds for one place are ln(0.6 / 0.4), and the error is the binomial one."""
    rows = [(f"p{i}", place, 0, place, float(1 + (place != (i >= 60)))) for i in range(100) for place in (0, 1)]
    found = luce(orders(pd.DataFrame(rows, columns=["id", "sample", "asking", "place", "rank"])))
    assert found is not None and [term.name for term in found.terms] == ["place"]
    assert found.terms[0].value == pytest.approx(-np.log(0.6 / 0.4), abs=1e-6)
    assert found.terms[0].error == pytest.approx(np.sqrt(1 / (100 * 0.24)), rel=0.01)


def test_it_agrees_with_a_stratified_cox_regression(made: Made) -> None:
    import statsmodels.api as sm

    ranks, sizes = made(5, prompts=60, k=4, place=-0.4, length=0.3, twice=0)
    ranks["rank"] = ranks["rank"].clip(upper=3)  # the last two tie
    found = luce(orders(ranks, sizes))
    joined = ranks.merge(sizes, on=["id", "sample"])
    terms = np.column_stack([joined["place"].astype(float), np.log2(joined["length"])])
    cox = sm.PHReg(joined["rank"], terms, strata=joined["id"], ties="efron").fit()
    assert found is not None
    assert [term.value for term in found.terms] == pytest.approx(list(cox.params), abs=1e-4)


def test_a_judge_that_goes_by_place_alone_has_no_finite_fit() -> None:
    rows = [(f"p{i}", s, 0, s, s + 1.0) for i in range(50) for s in range(4)]
    found = luce(orders(pd.DataFrame(rows, columns=["id", "sample", "asking", "place", "rank"])))
    assert found is not None and not found.terms and "without exception" in found.note


def test_without_places_length_alone_is_fitted_and_few_prompts_have_no_errors(made: Made) -> None:
    ranks, sizes = made(2, prompts=8, length=1.0, twice=0)
    found = luce(orders(ranks.assign(place=None), sizes))
    assert found is not None and [term.name for term in found.terms] == ["length"]
    assert found.terms[0].error is None and "too few" in found.note


def test_nothing_ranked_is_nothing_fitted(made: Made) -> None:
    ranks, sizes = made(2, prompts=4, twice=0)
    assert luce(orders(ranks.assign(rank=np.nan), sizes)) is None
