"""Clusters of one question, and differences of suites: what the statistics are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from leaven.evaluate.difference import DifferenceSuite
from leaven.evaluate.measure import AVERAGE
from leaven.gather import derived
from leaven.rows import schema
from leaven.stats.table import cubes


def asked(row_id: str, text: str, group: str | None = None) -> dict[str, Any]:
    return {"id": row_id, "prompt": [{"role": "user", "content": text}], "group": group}


def test_a_question_asked_twice_is_one_item() -> None:
    rows = [asked("a", "Why?"), asked("b", "How?"), asked("c", "Why?"), asked("d", "Why?", "other")]
    assert derived.questions(rows) == ["a", "b", "a", "d"]
    quoted = {
        **asked("e", "Why ?"),
        "prompt": [{"role": "system", "content": "A quote."}, {"role": "user", "content": "why?"}],
    }
    assert derived.questions([*rows, quoted])[-1] == "a", "another context, the same question"


def test_rows_of_one_question_are_samples_of_it_and_are_averaged() -> None:
    scores = pd.DataFrame(
        {
            "row_id": ["a", "c", "b"] * 2,
            "item_id": ["a", "a", "b"] * 2,
            "metric": ["m"] * 3 + ["n"] * 3,
            "sample": 0,
            "value": [1.0, 0.0, 5.0, 2.0, 4.0, 6.0],
        }
    )
    numbered = scores.assign(sample=derived.samples(scores), arm="x", dose=None, seed=0, suite="s", group=None)
    assert numbered["sample"].tolist() == [0, 1, 0, 0, 1, 0]
    (m, n) = list(cubes(numbered))
    assert m.values.ravel().tolist() == [0.5, 5.0] and n.values.ravel().tolist() == [3.0, 6.0]


def table() -> pd.DataFrame:
    values = {
        ("with", "i"): 3.0,
        ("without", "i"): 1.0,
        ("with", "j"): np.nan,
        ("without", "j"): 1.0,
        ("with", "k"): 1.0,
    }
    lines = [
        {"arm": arm, "dose": None, "seed": seed, "suite": suite, "metric": metric, "group": None, "item_id": item,
         "sample": 0, "value": value + seed}
        for arm in ("clean", "planted")
        for seed in (0, 1)
        for metric in ("rougeL", "rougeL_floor")
        for (suite, item), value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(lines)[schema("measurements").names]


def test_a_difference_pairs_items_within_arm_and_seed() -> None:
    suite = DifferenceSuite("effect", "with", "without")
    made = derived.difference(table(), suite, {("with", "rougeL_floor"), ("without", "rougeL_floor")})
    assert set(made["metric"]) == {"rougeL"}, "a floor has no difference"
    assert len(made) == 2 * 2 * 2, "k was asked in one suite alone"
    by_item = made.set_index("item_id")["value"]
    assert (by_item["i"] == 2.0).all() and by_item["j"].isna().all(), "unscored is unscored, never zero"
    assert set(made["suite"]) == {"effect"}


def long(values: dict[tuple[str, int | None, str], list[float | None]]) -> pd.DataFrame:
    lines = [
        {"arm": arm, "dose": None, "seed": seed, "suite": task, "metric": "acc", "group": None, "item_id": f"i{n}",
         "sample": 0, "value": value}
        for (arm, seed, task), column in values.items()
        for n, value in enumerate(column)
    ]  # fmt: skip
    return pd.DataFrame(lines)


def test_tasks_are_averaged_alike_whatever_their_size_and_an_unscored_item_weighs_nothing() -> None:
    table = long({
        ("x", 0, "short"): [1, 0], ("x", 0, "long"): [1, 1, 1, 0, None],
        ("base", None, "short"): [0, 0], ("base", None, "long"): [1, 0, 0, 0, 0],
    })  # fmt: skip
    made = derived.average(table, "reasoning", [("short", "acc"), ("long", "acc")])
    means = made.groupby("arm")["value"].mean()
    assert means["x"] == pytest.approx((0.5 + 0.75) / 2) and means["base"] == pytest.approx((0 + 0.25) / 2)
    assert made["value"].isna().sum() == 2, "what one run has not scored counts in none"
    assert set(made["suite"]) == {"reasoning"} and set(made["metric"]) == {AVERAGE}
    assert made["item_id"].nunique() == 7, "items of two tasks are never one"


def test_a_run_that_lacks_a_task_has_no_average() -> None:
    table = long(
        {("x", 0, "short"): [1, 0], ("x", 0, "long"): [1], ("x", 1, "short"): [1, 1], ("x", 2, "long"): [None]}
    )
    made = derived.average(table, "reasoning", [("short", "acc"), ("long", "acc")])
    assert set(made["seed"]) == {0}


def test_an_average_over_a_task_of_few_documents_has_no_margin() -> None:
    table = long({("x", 0, "short"): [1, 0] * 10, ("x", 0, "long"): [1, 0] * 20})
    averages = {"both": [("short", "acc"), ("long", "acc")], "one": [("long", "acc")]}
    assert derived.thin(table, averages) == {"both": "short has 20"}
