"""Which answer a model prefers: by hand, with ties and nulls; and which pairs are asked about, in which group."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.data.canonical import Batch
from leaven.registry import METRICS
from leaven.score.flows import flow, of_likelihoods
from leaven.score.preference_groups import GROUPS, asked_pairs, by_length

NAN, INF = float("nan"), float("inf")


def measured(name: str, *flows: Any, **args: Any) -> list[float | None]:
    found: list[float | None] = METRICS.get(name).call(*flows, args=args)
    return found


def test_rewards_are_compared_as_they_are_and_ties_count_half() -> None:
    none = [None] * 4
    flows = ([1.0, -2.0, 0.25, NAN], [0.5, 3.0, 0.25, 1.0], none, none)
    for normalize in ("tokens", "none"):
        assert measured("preference_accuracy", *flows, normalize=normalize) == [1, 0, 0.5, None]
        assert measured("reward_margin", *flows, normalize=normalize) == [0.5, -5, 0, None]


def test_log_probabilities_are_means_of_tokens_unless_sums_are_asked_for() -> None:
    flows = ([-30.0, -2.0, None, -1.0], [-10.0, -8.0, -1.0, -INF], [20, 1, 0, 1], [4, 8, 2, 1])
    assert measured("preference_accuracy", *flows) == [1, 0, None, None]
    assert measured("preference_accuracy", *flows, normalize="none") == [0, 1, None, None]
    assert measured("reward_margin", *flows) == [1, -1, None, None]
    assert measured("reward_margin", *flows, normalize="none") == [-20, 6, None, None]


def test_an_answer_of_no_tokens_is_unscored_by_the_mean() -> None:
    assert measured("preference_accuracy", [-0.0], [-3.0], [0], [2]) == [None]


def test_verdicts_flow_by_name() -> None:
    told = of_likelihoods([{"id": "p", "chosen": -1.0, "rejected": -2.0, "chosen_tokens": 3, "rejected_tokens": None}])
    names = ("chosen_scores", "rejected_scores", "chosen_tokens", "rejected_tokens")
    assert [flow(name, told, {}) for name in names] == [[-1.0], [-2.0], [3], [None]]


@pytest.mark.parametrize(
    ("chosen", "rejected", "group"),
    [
        (50, 100, 0), (51, 100, 1), (89, 100, 1), (90, 100, 2), (100, 100, 2), (100, 90, 2), (100, 89, 3),
        (100, 51, 3), (100, 50, 4), (0, 0, 2), (0, 1, 0),
    ],
)  # fmt: skip
def test_the_bounds_of_length_groups_are_the_same_both_ways(chosen: int, rejected: int, group: int) -> None:
    assert by_length(chosen, rejected) == GROUPS[group]
    assert by_length(rejected, chosen) == GROUPS[4 - group]


def pair(name: str, chosen: str, rejected: str, group: str | None = None, margin: float | None = 1.0) -> dict[str, Any]:
    said = {
        side: [{"role": "assistant", "content": text}] for side, text in (("chosen", chosen), ("rejected", rejected))
    }
    return {"id": name, "prompt": [{"role": "user", "content": "q"}], **said, "group": group, "margin": margin}


ROWS = [
    pair("equal", "Yes.", " Yes.\n"), pair("tie", "Yes.", "No.", margin=0.0), pair("unknown", "Yes.", "Nay.", margin=None),
    pair("long", "Yes, of course it does.", "No."), pair("own", "Yes.", "No.", "askphysics"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        (None, ["similar length", "chosen much longer", "askphysics"]),
        ("group", [None, None, "askphysics"]),
        ("length_difference", ["similar length", "chosen much longer", "chosen longer"]),
    ],
)
def test_pairs_in_which_nothing_is_preferred_are_left_out_and_counted(by: str | None, groups: list[str | None]) -> None:
    (made,) = asked_pairs([Batch(list(ROWS), [], len(ROWS))], by)
    assert [row["id"] for row in made.rows] == ["unknown", "long", "own"]
    assert [row["group"] for row in made.rows] == groups
    assert made.reasons() == {"chosen and rejected are equal": 1, "tie: neither answer was preferred": 1}
    assert made.rows_in == len(made.rows) + len(made.drops)
