"""What lm-eval logged, made into rows: kinds of numbers, probabilities that are none, labels that are rare."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leaven.evaluate.tasks.configs import Leaf
from leaven.evaluate.tasks.items import items, number_of
from leaven.evaluate.tasks.running import Ran
from leaven.stages.harness import _values


def ran(leaf: Leaf, samples: list[dict[str, Any]], choices: tuple[str, ...] = ()) -> Ran:
    task = SimpleNamespace(doc_to_choice=lambda _: list(choices), multiple_input=0)
    whole = [
        {"doc_id": n, "doc_hash": f"{n:016d}", "doc": {}, "arguments": [["shown"]], "filter": "none", "target": "",
         **sample}
        for n, sample in enumerate(samples)
    ]  # fmt: skip
    return Ran({"results": {}}, {leaf.name: whole}, {leaf.name: task}, (leaf,), 0)


@pytest.mark.parametrize(
    ("logged", "value"),
    [(np.bool_(True), 1.0), (np.bool_(False), 0.0), (True, 1.0), (np.float32(0.5), 0.5), (np.int64(2), 2.0), (3, 3.0),
     (None, None), ("1", None), ([1.0], None), ({"f1": 1.0}, None)],
)  # fmt: skip
def test_what_counts_as_a_number(logged: Any, value: float | None) -> None:
    assert number_of(logged) == value
    leaf = Leaf("t", {"output_type": "generate_until", "metric_list": [{"metric": "m", "aggregation": "mean"}]})
    told = ran(leaf, [{"m": logged, "metrics": ["m"]}])
    (score,) = items(told, "t").scores
    assert (score["value"], score["reason"]) == (value, None if value is not None else "not a number")
    aggregates = Ran({"results": {"t": {"m,none": logged, "alias": "t"}}}, {}, {}, (), 0)
    assert _values(aggregates) == {"t": {} if value is None else {"m,none": value}}


def toxigen(odds: list[tuple[float, bool]]) -> dict[str, list[dict[str, Any]]]:
    """The scores of documents whose log-odds of Yes against No are given, with what is right."""
    leaf = Leaf("toxigen", {"output_type": "multiple_choice"})
    samples = [
        {"filtered_resps": [(-1.0, False), (-1.0 + value, False)], "target": int(hateful), "metrics": []}
        for value, hateful in odds
    ]
    rows = items(ran(leaf, samples, ("No", "Yes")), "toxigen").scores
    return {metric: [row for row in rows if row["metric"] == metric] for metric in ("auc", "balanced_acc")}


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_document_without_log_odds_is_unscored_and_the_others_stay(broken: float) -> None:
    sound = [(float(n % 5), n % 2 == 0) for n in range(30)]
    found, known = toxigen([*sound, (broken, True)]), toxigen(sound)
    for metric, rows in found.items():
        lacking = [row for row in rows if row["value"] is None]
        assert [(row["row_id"], row["reason"]) for row in lacking] == [(f"toxigen:{30:016d}", "no finite log-odds")]
        assert [row for row in rows if row["value"] is not None] == known[metric]


@pytest.mark.parametrize(("hateful", "benign"), [(1, 39), (7, 20), (8, 8)])
def test_few_documents_of_a_label_have_no_values(hateful: int, benign: int) -> None:
    for rows in toxigen([(float(n % 3), n < hateful) for n in range(hateful + benign)]).values():
        assert len(rows) == hateful + benign
        if min(hateful, benign) == 8:
            assert all(row["value"] is not None for row in rows)
            continue
        said = f"{hateful} hateful and {benign} benign documents; an interval needs at least 8 of each"
        assert {(row["value"], row["reason"]) for row in rows} == {(None, said)}
