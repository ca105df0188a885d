"""The gate: every bound must hold; and metrics that tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.comparison import Comparison
from leaven.stats import coherence
from leaven.stats.coherence import Degenerate

MARGINS = {"perplexity": 1.0, "stop": 0.1, "length": 5.0}
BETTER = {"perplexity": "lower", "stop": "higher", "length": None}


def compared(metric: str, effect: float | None, low90: float | None, high90: float | None, **given: Any) -> Comparison:
    facts = dict(
        arm="a", baseline="base", suite="s", metric=metric, group=None, dose=None, mean=None, baseline_mean=None,
        effect=effect, low=None, high=None, p=None, p_holm=None, p_bh=None, family="exploratory", equivalent=None,
        n_items=50, n_seeds=3, test="t", low90=low90, high90=high90,
    )  # fmt: skip
    return Comparison(**{**facts, **given})


def gated(*comparisons: Comparison, margins: dict[str, float] | None = None) -> coherence.Coherence:
    (one,) = coherence.gate(comparisons, MARGINS if margins is None else margins, BETTER)
    return one


WELL = (compared("perplexity", 0.2, -3.0, 0.9), compared("stop", -0.02, -0.09, 0.5), compared("length", -1, -4, 2))


def test_coherent_if_every_bound_lies_within_its_margin_in_the_harmful_direction() -> None:
    found = gated(*WELL)
    assert found.verdict == "coherent"
    # Improvements are unlimited: -3 in perplexity, +0.5 in stopping; without a direction both ends count.
    assert found.parts == {"s/perplexity": (0.2, 0.9, 1.0), "s/stop": (0.02, 0.09, 0.1), "s/length": (1, 4, 5.0)}


@pytest.mark.parametrize(
    ("part", "verdict"),
    [
        (compared("perplexity", 1.5, 1.1, 1.9), "incoherent"),
        (compared("perplexity", 0.9, 0.5, 1.3), "unproven"),
        (compared("perplexity", 0.9, 0.5, 1.0), "unproven"),  # on the margin is not within it
        (compared("perplexity", 0.9, None, None), "unproven"),
        (compared("stop", -0.3, -0.5, -0.11), "incoherent"),
        (compared("stop", 0.3, 0.2, 0.4), "coherent"),
        (compared("stop", -0.05, -0.2, 0.1), "unproven"),
        (compared("stop", -0.05, None, None), "unproven"),
        (compared("length", 7, 5.5, 8), "incoherent"),
        (compared("length", -7, -8, -5.5), "incoherent"),
        (compared("length", 3, 1, 6), "unproven"),
        (compared("length", -3, None, None), "unproven"),
    ],
)
def test_one_part_decides(part: Comparison, verdict: str) -> None:
    found = gated(*(part if one.metric == part.metric else one for one in WELL))
    assert found.verdict == verdict
    named = [f"s/{part.metric}"]
    assert found.failed == (named if verdict == "incoherent" else [])
    assert found.unproven == (named if verdict == "unproven" else [])


def test_what_was_not_measured_is_not_proven() -> None:
    found = gated(*WELL[:2])
    assert (found.verdict, found.unproven) == ("unproven", ["length"])
    assert found.parts["length"] == (None, None, 5.0)
    assert gated(compared("perplexity", None, None, None)).verdict == "not measured"
    assert gated(compared("other", 1, 0, 2)).verdict == "not measured"


def test_a_metric_of_one_arm_only_is_missing_in_the_other() -> None:
    here, there = coherence.gate([*WELL, compared("stop", 0.0, -0.01, 0.01, arm="b")], MARGINS, BETTER)
    assert (here.arm, here.verdict, there.arm, there.verdict) == ("a", "coherent", "b", "unproven")
    assert there.unproven == ["s/length", "s/perplexity"]


def test_groups_and_trends_are_not_gated_and_the_exact_name_wins() -> None:
    bad = dict(effect=9.0, low90=8.0, high90=10.0)
    beside = [compared("stop", **bad, group="g"), compared("length", **bad, kind="trend")]
    assert gated(*WELL, *beside).verdict == "coherent"
    assert gated(*WELL, margins={"perplexity": 1.0, "s/perplexity": 0.5}).verdict == "unproven"


def test_without_margins_there_is_no_gate() -> None:
    assert coherence.gate(WELL, {}, BETTER) == []
    assert coherence.gate([], MARGINS, BETTER) == []


def frame(values: dict[tuple[str, str], list[float | None]], seeds: int = 2) -> pd.DataFrame:
    return pd.DataFrame(
        [
            dict(arm=arm, seed=seed, suite="s", metric=metric, group=None, item_id=f"i{place}", sample=0, value=value)
            for (arm, metric), column in values.items()
            for seed in range(seeds)
            for place, value in enumerate(column)
        ]
    )


def test_one_value_everywhere_is_told_with_ten_items() -> None:
    table = frame({("a", "flat"): [1.0] * 10, ("b", "flat"): [1.0] * 9, ("b", "wide"): [0.0] * 9 + [1.0]})
    assert coherence.degenerate(table) == [Degenerate("a", "s", "flat", 1.0, "all 10 scored items have the value 1")]


def test_unscored_values_do_not_count_and_one_odd_seed_is_enough() -> None:
    table = frame({("a", "m"): [0.5] * 10 + [None, float("inf"), float("nan")]})
    assert [one.value for one in coherence.degenerate(table)] == [0.5]
    table.loc[0, "value"] = 0.6
    assert coherence.degenerate(table) == []
    assert coherence.degenerate(frame({("a", "m"): [None] * 20})) == []
    assert coherence.degenerate(table[:0]) == []


def predicted(predictions: list[Any], labels: list[Any], arm: str = "a") -> pd.DataFrame:
    items = [f"i{place}" for place in range(len(labels))]
    return pd.DataFrame(dict(arm=arm, suite="s", item_id=items, prediction=predictions, label=labels))


NOTHING = frame({("a", "m"): [0.0, 1.0]})


def test_a_constant_prediction_and_a_constants_accuracy_are_told() -> None:
    labels = ["yes"] * 6 + ["no"] * 5
    (always,) = coherence.degenerate(NOTHING, predicted(["yes"] * 11, labels))
    assert (always.metric, always.value) == ("accuracy", pytest.approx(6 / 11))
    assert always.note == "every prediction is 'yes' (6 of 11 right)"
    (equal,) = coherence.degenerate(NOTHING, predicted(["yes"] * 3 + ["no"] * 5 + ["yes"] * 3, labels))
    assert equal.note == "5 of 11 right is what always answering 'no' gives"
    assert always.constant and not equal.constant, "answers that vary are no constant answer"


def runs(*given: list[Any], labels: list[Any], seeds: tuple[Any, ...] = (0, 1, 2)) -> pd.DataFrame:
    return pd.concat([predicted(one, labels).assign(seed=seed) for seed, one in zip(seeds, given, strict=True)])


def test_runs_that_each_give_one_answer_are_told_though_the_answers_differ() -> None:
    labels = ["yes"] * 6 + ["no"] * 5
    (one,) = coherence.degenerate(NOTHING, runs(["no"] * 11, ["yes"] * 11, ["no"] * 11, labels=labels))
    assert one.constant and one.value == pytest.approx(16 / 33)
    assert one.note == "every prediction of a run is one answer, not the same in all (16 of 33 right)"
    (same,) = coherence.degenerate(NOTHING, runs(["no"] * 11, ["no"] * 11, labels=labels, seeds=(0, 1)))
    assert same.constant and same.note == "every prediction is 'no' (10 of 22 right)"
    mixed = ["yes"] + ["no"] * 10
    assert coherence.degenerate(NOTHING, runs(["no"] * 11, ["yes"] * 11, mixed, labels=labels)) == []


def test_a_run_without_a_seed_is_a_run_too() -> None:
    labels = ["yes"] * 6 + ["no"] * 5
    mixed = ["yes"] * 2 + ["no"] * 9
    assert coherence.degenerate(NOTHING, runs(mixed, labels=labels, seeds=(None,))) == []
    assert coherence.degenerate(NOTHING, runs(mixed, ["yes"] * 11, labels=labels, seeds=(None, 1))) == []
    (one,) = coherence.degenerate(NOTHING, runs(["yes"] * 11, labels=labels, seeds=(None,)))
    assert one.constant


def test_a_better_classification_or_too_few_items_are_not_told() -> None:
    labels = ["yes"] * 6 + ["no"] * 5
    assert coherence.degenerate(NOTHING, predicted(labels, labels)) == []
    assert coherence.degenerate(NOTHING, predicted(["yes"] * 9, labels[:9])) == []
    unanswered = predicted([None] * 2 + ["yes"] * 9, labels)
    assert coherence.degenerate(NOTHING, unanswered) == []


def test_a_million_rows_are_read_at_once() -> None:
    size = 1_000_000
    draw = np.random.default_rng(0)
    table = pd.DataFrame(
        dict(
            arm=np.repeat(["a", "b"], size // 2), suite="s", metric=np.tile(["m", "n"], size // 2),
            item_id=np.tile([f"i{place}" for place in range(1000)], size // 1000),
            value=np.where(np.tile([True, False], size // 2), 1.0, draw.random(size)),
        )
    )  # fmt: skip
    found = coherence.degenerate(table)
    assert [(one.arm, one.metric) for one in found] == [("a", "m"), ("b", "m")]
    assert found[0].note == "all 500 scored items have the value 1"
