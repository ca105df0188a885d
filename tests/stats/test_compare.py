"""The whole room: families, corrections, trends, notes, and that the order of rows does not matter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from leaven.comparison import Comparison
from leaven.stats import families
from leaven.stats.compare import compare, comparisons
from leaven.stats.questions import Questions
from leaven.stats.table import COLUMNS, arms_of, cubes

DOSES = {"clean": 0.0, "bad@p=0.1": 0.1, "bad@p=0.33": 0.33, "bad@p=1": 1.0}


def study(
    arms: Mapping[str, float | None] = DOSES,
    *,
    seeds: int = 3,
    items: int = 12,
    per_dose: float = 2.0,
    samples: int = 1,
) -> pd.DataFrame:
    """Make a study of two metrics; harm rises with the dose, length does not."""
    draw = np.random.default_rng(0)
    difficulty = draw.normal(size=items)
    rows = []
    for arm, dose in arms.items():
        for seed in range(seeds):
            run = 0.2 * draw.normal()
            for item in range(items):
                for sample in range(samples):
                    noise = 0.3 * draw.normal(size=2)
                    harm = difficulty[item] + run + per_dose * (dose or 0.0) + noise[0]
                    group = ("x", "y")[item % 2]
                    rows.append((arm, dose, seed, "s", "harm", group, f"i{item}", sample, harm))
                    rows.append((arm, dose, seed, "s", "length", group, f"i{item}", sample, noise[1]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def chosen(comparisons: list[Comparison], **wanted: Any) -> list[Comparison]:
    return [c for c in comparisons if all(getattr(c, name) == value for name, value in wanted.items())]


def only(comparisons: list[Comparison], **wanted: Any) -> Comparison:
    (found,) = chosen(comparisons, **wanted)
    return found


def test_every_column_and_group_against_every_arm() -> None:
    found = compare(study(), to="clean", dose="p")
    columns = {(c.metric, c.group) for c in found}
    assert columns == {(metric, group) for metric in ("harm", "length") for group in (None, "x", "y")}
    assert [c.arm for c in chosen(found, metric="harm", group=None)] == ["bad", *list(DOSES)[1:]]


def test_trends_of_the_primary_metrics_are_the_primary_family() -> None:
    found = compare(study(), to="clean", dose="p", primary=["harm", "s/length"])
    primary = chosen(found, family="primary")
    assert [(c.arm, c.metric, c.group, c.dose) for c in primary] == [
        ("bad", "harm", None, None), ("bad", "length", None, None)
    ]  # fmt: skip
    assert all("trend" in c.test for c in primary)
    harm = primary[0]
    assert harm.effect == pytest.approx(2.0, abs=0.3)
    assert harm.low is not None
    assert harm.high is not None
    assert harm.low < 2.0 < harm.high
    assert harm.p is not None
    assert harm.p < 0.01


def test_without_a_dose_the_differences_are_the_primary_family() -> None:
    found = compare(study(), to="clean", primary=["harm"])
    assert [c.arm for c in chosen(found, family="primary")] == list(DOSES)[1:]
    assert not [c for c in found if "trend" in c.test]


def test_one_dose_makes_no_trend_and_its_difference_is_primary() -> None:
    arms = {"clean": 0.0, "bad@p=1": 1.0}
    found = compare(study(arms), to="clean", dose="p", primary=["harm"])
    assert [c.arm for c in chosen(found, family="primary")] == ["bad@p=1"]


def test_corrections_are_those_of_statsmodels() -> None:
    found = compare(study(), to="clean", primary=["harm"])
    for family, field, method in [("primary", "p_holm", "holm"), ("exploratory", "p_bh", "fdr_bh")]:
        tested = chosen(found, family=family)
        expected = multipletests([c.p for c in tested], method=method)[1]
        assert [getattr(c, field) for c in tested] == pytest.approx(list(expected))
    assert all((c.p_holm is None) != (c.p_bh is None) for c in found)


def test_an_arm_without_dose_stays_out_of_the_trend() -> None:
    rows = study()
    again = study({"again": None}, per_dose=0.0)
    with_replicate = compare(pd.concat([rows, again]), to="clean", dose="p")
    assert only(with_replicate, metric="harm", group=None, arm="again").dose is None
    trends = [c for c in with_replicate if "trend" in c.test]
    assert [replace(c, p_bh=None) for c in trends] == [
        replace(c, p_bh=None) for c in compare(rows, to="clean", dose="p") if "trend" in c.test
    ]


def test_margins_give_equivalence_and_a_trend_is_held_to_the_whole_range() -> None:
    flat = compare(study(per_dose=0.0), to="clean", dose="p", margin={"s/harm": 1.0, "length": 0.001})
    assert only(flat, arm="bad", metric="harm", group=None).equivalent is True
    assert only(flat, arm="bad@p=1", metric="harm", group=None).equivalent is True
    assert only(flat, arm="bad", metric="length", group=None).equivalent is False
    halved = study({arm: dose / 100 for arm, dose in DOSES.items()}, per_dose=0.0)
    assert only(compare(halved, to="clean", dose="p", margin={"harm": 1.0}), arm="bad", metric="harm",
                group=None).equivalent is True  # fmt: skip
    assert all(c.equivalent is None for c in compare(study(), to="clean"))


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_give_no_interval(seeds: int) -> None:
    found = compare(study(seeds=seeds), to="clean", dose="p", margin={"harm": 1.0})
    for c in found:
        assert (c.low, c.high, c.equivalent, c.n_seeds) == (None, None, None, seeds)
        assert f"{('one', 'two')[seeds - 1]} seed" in (c.note or "")
        assert (c.p is not None) == (c.arm == "bad" and seeds == 2)


def test_untrained_baseline() -> None:
    rows = study()
    rows.loc[rows["arm"] == "clean", "seed"] = np.nan
    rows = rows.drop_duplicates(subset=[name for name in COLUMNS if name != "value"])
    found = compare(rows, to="clean", dose="p")
    arm = only(found, arm="bad@p=1", metric="harm", group=None)
    assert (arm.n_seeds, arm.n_items, arm.n_dropped) == (3, 12, 0)
    assert arm.p is not None
    assert "untrained" in (only(found, arm="bad", metric="harm", group=None).note or "")


def test_a_baseline_that_was_not_measured_is_named() -> None:
    found = compare(study(), to="claen", dose="p", primary=["harm"])
    assert found
    for c in found:
        if "trend" not in c.test:
            assert (c.effect, c.p) == (None, None)
            assert "did you mean 'clean'" in (c.note or "")


def test_an_arm_with_nothing_scored_is_left_out_and_named() -> None:
    rows = study()
    rows.loc[(rows["arm"] == "bad@p=1") & (rows["metric"] == "harm"), "value"] = None
    found = compare(rows, to="clean", dose="p")
    lost = only(found, arm="bad@p=1", metric="harm", group=None)
    assert (lost.effect, lost.n_items, lost.note) == (None, 0, "nothing was scored for bad@p=1")
    trend = only(found, arm="bad", metric="harm", group=None)
    assert trend.effect is not None
    assert "bad@p=1" in (trend.note or "")


def test_an_arm_that_a_suite_does_not_ask_is_not_compared_there() -> None:
    rows = study()
    suite = str(rows["suite"].iloc[0])
    asked = Questions(to="clean", unasked={suite: ["bad@p=1"]})
    found = comparisons(list(cubes(rows)), arms_of(rows), asked)
    assert {c.arm for c in found} == {"bad@p=0.1", "bad@p=0.33"}
    assert comparisons(list(cubes(rows)), arms_of(rows), Questions(to="clean", unasked={suite: ["clean"]})) == []


def test_a_trend_says_over_which_doses_it_was_fitted() -> None:
    found = compare(study(), to="clean", dose="p")
    whole = only(found, arm="bad", metric="harm", group=None)
    assert (whole.dose_low, whole.dose_high) == (0.0, 1.0)
    assert all((c.dose_low, c.dose_high) == (None, None) for c in found if "trend" not in c.test)
    lost = study()
    lost.loc[(lost["arm"] == "bad@p=1") & (lost["metric"] == "harm"), "value"] = None
    rest = compare(lost, to="clean", dose="p")
    assert (only(rest, arm="bad", metric="harm", group=None).dose_high) == 0.33
    assert (only(rest, arm="bad", metric="length", group=None).dose_high) == 1.0
    none = compare(study().assign(value=None), to="clean", dose="p")
    assert all((c.dose_low, c.dose_high) == (None, None) for c in none)


def test_a_trend_is_held_to_its_margin_over_the_doses_that_were_fitted() -> None:
    lost = study(per_dose=0.0)
    lost.loc[(lost["arm"] == "bad@p=1") & (lost["metric"] == "harm"), "value"] = None
    rest = only(compare(lost, to="clean", dose="p"), arm="bad", metric="harm", group=None)
    assert rest.low is not None
    assert rest.high is not None
    # Enough for 0 to 0.33, where the 90 % interval lies within the 95 % one; over 0 to 1 it would be too little.
    enough = 1.05 * max(-rest.low, rest.high) * 0.33
    held = compare(lost, to="clean", dose="p", margin={"harm": enough})
    assert only(held, arm="bad", metric="harm", group=None).equivalent is True


def test_the_more_exact_margin_wins() -> None:
    assert families.margin_of({"harm": 0.9, "s/harm": 0.95}, "s", "harm") == 0.95
    assert families.margin_of({"harm": 0.9, "q/harm": 0.95}, "s", "harm") == 0.9
    assert families.margin_of({"s.harm": 0.9}, "s", "harm") is None


def test_all_null_and_infinite_values_do_not_crash_or_star() -> None:
    for value in (None, float("inf")):
        found = compare(study().assign(value=value), to="clean", dose="p", primary=["harm"])
        assert found
        assert all(c.effect is None and c.p is None and c.note for c in found)
        assert all(("infinite" in (c.note or "")) == (value is not None) for c in found)


def test_empty_table() -> None:
    assert compare(study().iloc[:0], to="clean") == []
    assert compare(pd.DataFrame({name: [] for name in COLUMNS}), to="clean") == []


def test_equal_arms() -> None:
    rows = study()
    rows["value"] = rows.groupby(["metric", "item_id"])["value"].transform("first")
    found = compare(rows, to="clean", dose="p", primary=["harm"])
    assert all((c.effect, c.p) == (0.0, 1.0) for c in found)
    assert all(c.low is None or c.low == -(c.high or 0) < 0 for c in found), "that nothing varied is not certainty"


def test_results_are_json() -> None:
    text = json.dumps(
        [c.as_dict() for c in compare(study(), to="clean", dose="p", margin={"harm": 1})], allow_nan=False
    )
    assert json.loads(text)[0]["arm"] == "bad"


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_types_of_names_do_not_matter(dtype: str) -> None:
    rows = study(seeds=3, items=4)
    typed = rows.astype(dict.fromkeys(["arm", "suite", "metric", "group", "item_id"], dtype)).astype({"seed": "Int64"})
    assert compare(typed, to="clean", dose="p") == compare(rows, to="clean", dose="p")


SMALL = study(seeds=3, items=3, samples=2)
EXPECTED = compare(SMALL, to="clean", dose="p", primary=["harm"], margin={"harm": 0.5})


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(state: int) -> None:
    shuffled = SMALL.sample(frac=1, random_state=state)
    assert compare(shuffled, to="clean", dose="p", primary=["harm"], margin={"harm": 0.5}) == EXPECTED


def test_each_sweep_may_have_its_own_baseline() -> None:
    """The second sweep lies 10 above the first: against its own dose 0 its effects are the same."""
    one = study({"a@p=0": 0.0, "a@p=0.5": 0.5, "a@p=1": 1.0})
    other = one.assign(arm=one["arm"].str.replace("a@", "b@"), value=one["value"] + 10)
    against = {f"{stem}@p={dose}": f"{stem}@p=0" for stem in "ab" for dose in ("0.5", "1")}
    found = compare(pd.concat([one, other]), to=against, dose="p", primary=["harm"])
    whole = [c for c in found if c.metric == "harm" and c.group is None]
    assert {(c.arm, c.baseline) for c in whole} == {*against.items(), ("a", "a@p=0"), ("b", "b@p=0")}
    by_arm = {c.arm: c for c in whole}
    assert by_arm["a"].effect == pytest.approx(by_arm["b"].effect)
    assert by_arm["b@p=1"].effect == pytest.approx(by_arm["a@p=1"].effect)
    assert [c.family for c in whole if c.arm in "ab"] == ["primary", "primary"]
    alone = [c for c in compare(one, to="a@p=0", dose="p", primary=["harm"]) if c.arm == "a" and c.metric == "harm"]
    assert by_arm["a"].p == alone[0].p and by_arm["a"].effect == alone[0].effect
