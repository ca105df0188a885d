"""What the statistics must not say: tables that look like an answer and are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.errors import ReportError
from leaven.stats import coherence, inference
from leaven.stats.analyse import analyse
from leaven.stats.claims import Claim, judge
from leaven.stats.compare import compare
from leaven.stats.doses import dose as doses
from leaven.stats.questions import Questions
from leaven.stats.table import cubes as cubes_of


def long(arms: dict[str, np.ndarray], dosed: dict[str, float] | None = None, metric: str = "m") -> pd.DataFrame:
    """Make the long table of arms whose values are items x seeds; NaN is a value that was not scored."""
    rows = [
        dict(arm=arm, dose=(dosed or {}).get(arm), seed=seed, suite="s", metric=metric, group=None,
             item_id=f"i{item}", sample=0, value=values[item, seed])
        for arm, values in arms.items() for item in range(values.shape[0]) for seed in range(values.shape[1])
    ]  # fmt: skip
    return pd.DataFrame(rows)


def answers(rates: dict[str, float], n_items: int, n_seeds: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {arm: (draw.random((n_items, n_seeds)) < rate).astype(float) for arm, rate in rates.items()}


def trend_of(made: list[Comparison]) -> Comparison:
    return next(one for one in made if one.kind == "trend")


def over(rates: list[float], at: list[float], n_items: int = 200, n_seeds: int = 5, **asked: Any) -> list[Comparison]:
    names = ["base", *(f"bad@p={dose:g}" for dose in at[1:])]
    table = long(answers(dict(zip(names, rates, strict=True)), n_items, n_seeds), dict(zip(names, at, strict=True)))
    return compare(table, to="base", dose="p", primary=["m"], **asked)


def test_a_trend_whose_ranks_and_slope_go_opposite_ways_is_not_shown() -> None:
    one = trend_of(over([0.1, 0.3, 0.5, 0.7, 0.25], [0, 0.01, 0.02, 0.03, 1]))
    assert one.effect is not None and one.effect < 0
    assert one.p == 1.0 and "opposite ways" in (one.note or "")


def test_a_curve_that_leaves_the_margin_and_comes_back_is_not_equivalent() -> None:
    bent = trend_of(over([0.1, 0.5, 0.8, 0.5, 0.1], [0, 0.25, 0.5, 0.75, 1], n_items=300, margin={"m": 0.05}))
    assert bent.low90 is not None and bent.equivalent is False
    flat = trend_of(over([0.1] * 5, [0, 0.25, 0.5, 0.75, 1], n_items=2000, margin={"m": 0.05}))
    assert flat.equivalent is True


def test_one_pair_makes_no_training_run() -> None:
    draw = np.random.default_rng(2)
    arm, base = draw.normal(0.3, 0.1, (60, 3)), draw.normal(0, 0.1, (60, 3))
    arm[1:, 1:] = np.nan
    (one,) = compare(long({"arm": arm, "base": base}), to="base", primary=["m"])
    assert (one.n_seeds, one.p, one.low) == (3, None, None)
    assert "nearly all pairs are of one seed" in (one.note or "")
    arm[:30, 1:] = draw.normal(0.3, 0.1, (30, 2))
    (half,) = compare(long({"arm": arm, "base": base}), to="base", primary=["m"])
    assert half.p is not None


def test_no_change_is_not_told_of_what_is_left_of_an_arm() -> None:
    draw = np.random.default_rng(3)
    arm, base = draw.normal(10, 0.01, (100, 3)), draw.normal(10, 0.01, (100, 3))
    arm[:95] = np.inf  # a broken model's perplexity
    (one,) = compare(long({"arm": arm, "base": base}), to="base", primary=["m"], margin={"m": 0.5})
    assert one.is_thin and one.equivalent is None and "more than a fifth" in (one.note or "")
    (gate,) = coherence.gate([one], {"m": 0.5}, {"m": "lower"})
    assert (gate.verdict, gate.unproven) == ("unproven", ["s/m"])


def test_one_item_shows_no_claim_no_equivalence_and_no_coherence() -> None:
    draw = np.random.default_rng(4)
    table = long({"arm": draw.normal(1, 0.001, (1, 3)), "base": draw.normal(0, 0.001, (1, 3))})
    claims = [Claim("It is higher.", "arm", "m", "higher", 0.0), Claim("It is the same.", "arm", "m", "same", 5.0)]
    asked = Questions(to="base", primary=["m"], margin={"m": 5.0}, claims=claims, coherence={"m": 5.0})
    (one,), found = analyse(table, asked)
    assert one.p is not None and one.p < 0.05 and one.equivalent is None
    assert [verdict.verdict for verdict in found.verdicts] == ["undecided", "undecided"]
    assert "one item is no sample of items" in (found.verdicts[0].note or "")
    assert found.coherence[0].verdict == "unproven"


def test_ratings_that_never_differ_do_not_show_that_none_would() -> None:
    table = long({"arm": np.full((10, 3), 5.0), "base": np.full((10, 3), 5.0)})
    claims = [Claim("It is the same.", "arm", "m", "same", 0.05)]
    (one,), found = analyse(table, Questions(to="base", primary=["m"], margin={"m": 0.05}, claims=claims))
    assert (one.effect, one.p, one.low, one.equivalent) == (0.0, 1.0, None, None)
    assert found.verdicts[0].verdict == "undecided"


def test_the_ends_of_a_trend_are_of_the_answers_that_it_was_fitted_on() -> None:
    draw = np.random.default_rng(5)
    hard = np.repeat([1.0, 0.0], [100, 100])[:, None] + draw.normal(0, 0.1, (200, 3))
    low, middle = hard.copy(), hard.copy()
    low[100:], middle[100:] = np.nan, np.nan  # the hard items were scored at the highest dose alone
    arms = {"base": low, "bad@p=0.5": middle, "bad@p=1": hard}
    table = long(arms, {"base": 0.0, "bad@p=0.5": 0.5, "bad@p=1": 1.0})
    one = trend_of(compare(table, to="base", dose="p", primary=["m"]))
    assert one.baseline_mean == pytest.approx(1, abs=0.05) and one.mean == pytest.approx(1, abs=0.05)
    assert one.n_dropped == 300


def test_a_claim_and_its_opposite_have_one_threshold() -> None:
    draw = np.random.default_rng(6)
    claims = [Claim(holds, "arm", "m", holds) for holds in ("lower", "higher", "not higher", "not lower")]
    seen = set()
    for _ in range(40):
        runs = draw.normal(0, 0.05, (2, 1, 3))
        arm, base = draw.normal(0, 0.1, (2, 20, 3)) + runs
        cubes = {cube.column: cube for cube in cubes_of(long({"arm": arm, "base": base}))}
        lower, higher, not_higher, not_lower = (one.verdict for one in judge(claims, cubes, {"arm": "base"}))
        assert (lower == "supported") == (not_higher == "supported") == (higher == "refuted")
        assert (higher == "supported") == (not_lower == "supported") == (lower == "refuted")
        seen |= {lower}
    assert len(seen) > 1, "else nothing was compared"


def test_many_metrics_in_which_nothing_differs_name_no_group() -> None:
    draw = np.random.default_rng(7)
    parts = []
    for metric in range(12):
        table = long({"arm": draw.normal(size=(40, 3)), "base": draw.normal(size=(40, 3))}, metric=f"m{metric}")
        parts.append(table.assign(group=[f"g{int(item[1:]) % 4}" for item in table["item_id"]]))
    _, found = analyse(pd.concat(parts), Questions(to="base"))
    assert len(found.heterogeneity) == 12 and not any(one.is_shown for one in found.heterogeneity)
    assert all(one.p is not None and one.p_holm is not None and one.p_holm >= one.p for one in found.heterogeneity)


def test_many_doses_and_seeds_have_a_smallest_p() -> None:
    assert doses.smallest_p([i / 29 for i in range(30)], 10) == pytest.approx(1 / 10_000)
    names = {f"bad@p={i}": float(i) for i in range(1, 200)}
    values = answers({"base": 0.5, **dict.fromkeys(names, 0.5)}, 4, 3)
    assert trend_of(compare(long(values, {"base": 0.0, **names}), to="base", dose="p", primary=["m"])).p is not None


def test_rows_that_name_no_arm_and_numbers_beyond_any_are_refused_in_words() -> None:
    table = long(answers({"arm": 0.5, "base": 0.5}, 5, 3))
    nameless = table.assign(arm=table["arm"].where(table.index > 2, None))
    with pytest.raises(ReportError, match="3 measurements have no arm"):
        compare(nameless, to="base")
    with pytest.raises(ReportError, match="must hold numbers"):
        compare(table.assign(value=[10**400, *table["value"].iloc[1:]]), to="base")


def test_an_infinite_value_of_an_item_in_two_groups_counts_once() -> None:
    table = long({"arm": np.array([[np.inf] * 3, [1.0] * 3, [0.0] * 3]), "base": np.ones((3, 3))})
    both = pd.concat([table.assign(group="a"), table.assign(group="b")])
    whole = next(one for one in compare(both, to="base") if one.group is None)
    assert "3 infinite values count as unscored" in (whole.note or "")


def test_estimates_refuse_equivalence_only_where_there_is_nothing_to_judge_by() -> None:
    assert not inference.Estimate(0.0, 0.0, 2.0, 0.0, None, "t").can_be_small
    assert inference.Estimate(0.0, 0.0, 2.0, 0.01, (-1.0, 1.0), "t").can_be_small
    assert inference.Estimate(0.0, 0.1, 2.0, 0.0, None, "t", of_one_item=True).within(9.0) is None
