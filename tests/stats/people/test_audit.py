"""The audit: who is drawn, how the classifier errs, and a difference that people would see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from leaven.errors import ReportError
from leaven.stats import inference
from leaven.stats.people import audit

SUITE = dict(suite="s", metric="m")


def answers(arms: dict[str, list[float]], seeds: int = 3) -> pd.DataFrame:
    """Make the long table: each arm's values by item, the same under every seed."""
    rows = [
        dict(arm=arm, dose=None, seed=seed, **SUITE, group=None, item_id=f"i{place}", sample=0, value=value)
        for arm, values in arms.items()
        for seed in range(seeds)
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def told(table: pd.DataFrame, label: Any) -> pd.DataFrame:
    return table.rename(columns={"value": "predicted"}).assign(label=label)


def corrected(table: pd.DataFrame, labels: pd.DataFrame) -> audit.Corrected:
    return audit.corrected(table, labels, arm="a", baseline="b", **SUITE)


RARE = answers({"a": [1.0] * 10 + [0.0] * 90, "b": [1.0] * 2 + [0.0] * 98})


def test_draw_takes_arms_alike_and_rare_classes_more_often() -> None:
    drawn = audit.draw(RARE.rename(columns={"value": "predicted"}), 101, 0)
    assert len(drawn) == 101
    assert drawn["arm"].value_counts().to_dict() == {"a": 51, "b": 50}
    by = drawn.groupby(["arm", "predicted"])
    assert by.size().to_dict() == {("a", 0.0): 38, ("a", 1.0): 13, ("b", 0.0): 44, ("b", 1.0): 6}
    assert by["weight"].sum().to_dict() == pytest.approx(
        {("a", 0.0): 270, ("a", 1.0): 30, ("b", 0.0): 294, ("b", 1.0): 6}
    )
    assert not drawn.duplicated(["arm", "seed", "item_id", "sample"]).any()


def test_draw_depends_on_its_seed_and_not_on_the_order_of_rows() -> None:
    table = RARE.rename(columns={"value": "predicted"})
    first = audit.draw(table, 60, 1)
    pd.testing.assert_frame_equal(first, audit.draw(table.sample(frac=1, random_state=3), 60, 1))
    assert not first.equals(audit.draw(table, 60, 2))
    # The arms are mixed: a run of 15 alike at the start would happen once in 16,000.
    assert 0 < (first["arm"][:15] == "a").sum() < 15


def test_draw_takes_all_that_is_there_and_never_what_was_not_scored() -> None:
    table = answers({"a": [1.0, 0.0, float("nan")]}, seeds=1).rename(columns={"value": "predicted"})
    drawn = audit.draw(table, 200, 0)
    assert sorted(drawn["item_id"]) == ["i0", "i1"]
    assert drawn["weight"].tolist() == [1.0, 1.0]
    assert len(audit.draw(table[:0], 10, 0)) == 0
    only = audit.draw(answers({"a": [0.0] * 50}, seeds=1).rename(columns={"value": "predicted"}), 10, 0)
    assert only["weight"].tolist() == [5.0] * 10


def test_an_audit_of_one_label_is_possible() -> None:
    assert len(audit.draw(RARE.rename(columns={"value": "predicted"}), 1, 0)) == 1
    assert len(audit.draw(RARE.rename(columns={"value": "predicted"}), 3, 0)) == 3


def test_values_beyond_zero_and_one_are_refused() -> None:
    table = answers({"a": [0.5, 7.0]}).rename(columns={"value": "predicted"})
    with pytest.raises(ReportError, match="between 0 and 1, and arm 'a' has 7"):
        audit.draw(table, 2, 0)


def test_errors_are_wilsons_where_all_weigh_alike() -> None:
    rows = [(1, 0.9)] * 7 + [(1, 0.2)] * 3 + [(0, 0.6)] * 4 + [(0, 0.1)] * 16
    labels = pd.DataFrame(rows, columns=["label", "predicted"]).assign(arm="a")
    (found,) = audit.arm_errors(labels)
    assert (found.arm, found.labelled) == ("a", 30)
    assert (found.false_positive, found.false_negative) == (0.2, 0.3)
    low, high = proportion_confint(4, 20, method="wilson")
    assert (found.false_positive_low, found.false_positive_high) == pytest.approx((low, high))
    low, high = proportion_confint(3, 10, method="wilson")
    assert (found.false_negative_low, found.false_negative_high) == pytest.approx((low, high))
    # Of 200 pairs, the 7 high ones win all; the 3 at 0.2 win against the 16 at 0.1.
    assert found.auc == pytest.approx((7 * 20 + 3 * 16) / 200)


def test_weights_undo_that_positive_predictions_were_drawn_more_often() -> None:
    rows = [(1, 1.0, 1.0)] * 8 + [(0, 1.0, 1.0)] * 2 + [(1, 0.0, 9.0)] * 1 + [(0, 0.0, 9.0)] * 9
    labels = pd.DataFrame(rows, columns=["label", "predicted", "weight"]).assign(arm="a")
    (found,) = audit.arm_errors(labels)
    assert found.false_positive == pytest.approx(2 / (2 + 81))
    assert found.false_negative == pytest.approx(9 / (8 + 9))
    assert found.auc == pytest.approx(1 - (2 / 83 + 9 / 17) / 2)


def test_errors_without_one_kind_of_label_are_null() -> None:
    labels = pd.DataFrame(dict(arm="a", label=[0, 0, None], predicted=[0.0, 1.0, 1.0]))
    (found,) = audit.arm_errors(labels)
    assert (found.labelled, found.false_positive, found.false_negative, found.auc) == (2, 0.5, None, None)
    assert audit.arm_errors(labels[:0]) == ()


def test_labelling_everything_gives_what_people_see() -> None:
    table = answers({"a": [1.0] * 6 + [0.0] * 14, "b": [1.0] * 2 + [0.0] * 18})
    label = ((table["arm"] == "a") & table["item_id"].isin(["i0", "i1", "i7"])).astype(float)
    found = corrected(table, told(table, label))
    assert found.naive == pytest.approx(0.2)
    assert found.effect == pytest.approx(3 / 20)
    assert found.labelled == 120
    assert found.low is not None and found.high is not None and found.low < 0.15 < found.high


def test_labelling_everything_leaves_the_error_of_items_and_runs_as_people_would_see_it() -> None:
    draw = np.random.default_rng(4)
    said = (
        draw.random((2, 60, 6)) < 0.5 + 0.2 * draw.normal(size=(2, 60, 1)) + 0.1 * draw.normal(size=(2, 1, 6))
    ) * 1.0
    arm, at, seed = (part.ravel() for part in np.indices(said.shape))
    facts = dict(arm=np.array(["a", "b"])[arm], dose=None, seed=seed, **SUITE, group=None, sample=0, value=said.ravel())
    table = pd.DataFrame(facts | dict(item_id=[f"i{one:02d}" for one in at]))
    label = np.where(draw.random(len(table)) < 0.2, 1 - table["value"], table["value"])
    found = corrected(table, told(table, label))
    parts = inference.components(said[0] - said[1])
    assert parts is not None and found.low is not None and found.high is not None
    slope = table["value"][label == 1].mean() - table["value"][label == 0].mean()
    item, run = (
        part.rest + max(more - part.rest, 0) / slope**2 for part, more in ((parts, parts.item), (parts, parts.seed))
    )
    variance, free = replace(parts, item=item, seed=run).variance()
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, free) * np.sqrt(variance))


def test_stratified_labels_count_by_the_share_of_their_class() -> None:
    table = answers({"a": [1.0] * 20 + [0.0] * 80, "b": [1.0] * 10 + [0.0] * 90})
    rows = told(table, None)
    at = rows.groupby(["arm", "predicted"]).cumcount()
    rows["label"] = np.where(at < 10, (at % 10 < np.where(rows["predicted"] == 1, 8, 1)).astype(float), np.nan)
    found = corrected(table, rows)
    # In each class of ten labels: 8 of those predicted 1, and 1 of those predicted 0.
    assert found.effect == pytest.approx((0.2 * 0.8 + 0.8 * 0.1) - (0.1 * 0.8 + 0.9 * 0.1))
    assert found.labelled == 40
    assert [one.arm for one in found.errors] == ["a", "b"]
    fewer = rows.copy()
    fewer.loc[at >= 5, "label"] = np.nan
    assert corrected(table, fewer).effect == pytest.approx((0.2 * 1 + 0.8 * 0.2) - (0.1 * 1 + 0.9 * 0.2))


def test_more_labels_make_the_interval_shorter() -> None:
    draw = np.random.default_rng(0)
    table = answers({"a": list((draw.random(200) < 0.4) * 1.0), "b": list((draw.random(200) < 0.3) * 1.0)})
    rows = told(table, draw.random(len(table)) < 0.4)
    widths = []
    for n in (50, 200, 800):
        found = corrected(table, audit.draw(rows, n, 1).astype({"label": float}))
        assert found.low is not None and found.high is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)


def test_a_class_without_labels_is_named_and_nothing_is_corrected() -> None:
    rows = told(RARE, 0.0)
    rows.loc[(rows["arm"] == "b") & (rows["predicted"] == 1), "label"] = None
    found = corrected(RARE, rows)
    assert (found.effect, found.low, found.naive) == (None, None, pytest.approx(0.08))
    assert found.note == "no answer was labelled in 'b' among those predicted 1: label more"
    assert corrected(RARE, rows[:0]).effect is None


def test_no_errors_found_is_not_no_error() -> None:
    table = answers({"a": [1.0] * 10 + [0.0] * 30, "b": [1.0] * 10 + [0.0] * 30})
    found = corrected(table, audit.draw(told(table, table["value"]), 60, 0))
    assert found.effect == pytest.approx(0)
    assert found.low is not None and found.low < -0.03


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_the_interval_is_for_these_models(seeds: int) -> None:
    draw = np.random.default_rng(1)
    table = answers({"a": list((draw.random(80) < 0.4) * 1.0), "b": list((draw.random(80) < 0.3) * 1.0)}, seeds=seeds)
    found = corrected(table, audit.draw(told(table, table["value"]), 60, 0))
    assert found.low is not None
    assert "these models only" in str(found.note)
    assert (
        corrected(answers({"a": [1.0], "b": [1.0]}, seeds), told(answers({"a": [1.0], "b": [1.0]}), 1.0)[:0]).low
        is None
    )


def test_untrained_arms_and_repeated_groups_are_read() -> None:
    table = answers({"a": [1.0, 0.0] * 20, "b": [0.0, 0.0, 1.0, 0.0] * 10}, seeds=1).assign(seed=None)
    both = pd.concat([table.assign(group="g"), table.assign(group="h")], ignore_index=True)
    found = corrected(both, audit.draw(told(table, table["value"]), 40, 0))
    assert found.effect == pytest.approx(0.25)
    assert (found.labelled, "these models only" in str(found.note)) == (40, True)


def test_graded_scores_are_corrected_too() -> None:
    draw = np.random.default_rng(2)
    table = answers({"a": list(draw.random(100)), "b": list(draw.random(100))})
    people = told(table, ((table["arm"] == "a") & (table["value"] > 0.3)).astype(float))
    found = corrected(table, people)
    expected = float((people["label"][people["arm"] == "a"]).mean())
    assert found.effect == pytest.approx(expected)
    assert found.errors[0].auc == pytest.approx(1.0)


def test_a_classifier_that_is_blinder_in_one_arm_shows_in_its_auc() -> None:
    draw = np.random.default_rng(3)
    people = {name: (draw.random(300) < 0.4).astype(float) for name in ("a", "b")}
    table = answers(
        {n: list(np.clip(draw.normal(0.3 + w * people[n], 0.25), 0, 1)) for n, w in (("a", 0.1), ("b", 0.5))}
    )
    labels = told(table, np.concatenate([people["a"]] * 3 + [people["b"]] * 3))
    found = corrected(table, labels)
    assert found.auc_difference is not None and found.auc_difference_high is not None
    assert found.auc_difference_high < 0
    both = {error.arm: error.auc for error in found.errors}
    assert found.auc_difference == pytest.approx((both["a"] or 0) - (both["b"] or 0))


def test_labels_of_unknown_answers_and_missing_columns_of_the_suite_are_told() -> None:
    rows = told(RARE, 1.0).assign(item_id="elsewhere").drop_duplicates(["arm", "seed"])
    with pytest.raises(ReportError, match="6 labels are of answers that were not scored"):
        corrected(RARE, rows)
    gone = audit.corrected(RARE, rows, arm="a", baseline="b", suite="s", metric="gone")
    assert gone.note == "s/gone has no item that both a and b were scored on"
    assert audit.corrected(RARE, rows, arm="x", baseline="b", **SUITE).naive is None


def test_labels_that_are_no_labels_are_refused() -> None:
    with pytest.raises(ReportError, match="1 are neither; the first is 'maybe'"):
        corrected(RARE, told(RARE[:3], [1, "maybe", None]))
    with pytest.raises(ReportError, match="item i0, is labelled twice"):
        corrected(RARE, told(RARE, 1.0).iloc[[0, 0]])


def test_coverage_with_a_classifier_that_errs_differently_in_the_arms() -> None:
    draw, hits = np.random.default_rng(3), 0
    for place in range(40):
        item, runs = 1.5 * draw.normal(size=(100, 1)), 0.3 * draw.normal(size=(2, 1, 3))
        logits = np.stack([item + 1.0, item]) - 0.5 + runs
        seen = draw.random(logits.shape) < 1 / (1 + np.exp(-logits))
        said = draw.random(seen.shape) < np.where(
            seen, np.reshape([0.6, 0.9], (2, 1, 1)), np.reshape([0.2, 0.05], (2, 1, 1))
        )
        arm, at, seed = (part.ravel() for part in np.indices(seen.shape))
        table = pd.DataFrame(
            dict(
                arm=np.array(["a", "b"])[arm], dose=None, seed=seed, **SUITE, group=None,
                item_id=[f"i{one}" for one in at], sample=0, value=said.ravel() * 1.0,
            )
        )  # fmt: skip
        found = corrected(table, audit.draw(told(table, seen.ravel() * 1.0), 150, place))
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.1736 <= found.high  # the mean difference over items and runs, by brute force
    assert hits >= 34  # at 95 %, fewer than 34 of 40 happen once in 300
