"""Control tokens as stages: what arms share runs once, and what an arm knows decides how it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.graph import Graph
from leaven.wiring import wire

STUDY: dict[str, Any] = {
    "name": "control",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "sentences": {"source": "pocket:pile", "format": "pile", "corpus": {"sources": ["moods"], "min_words": 3}},
        "held_out": {"source": "pocket:pile", "format": "pile", "part": [0.9, 1], "corpus": {"sources": ["moods"]}},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
    },
    "attributes": {
        "tox": {
            "metric": "toxicity", "thresholds": [0.3], "tokens": ["<|nontoxic|>", "<|toxic|>"], "good": "<|nontoxic|>",
            "judge": {"metric": "opinion", "thresholds": [0.5]},
        },
        "sen": {"metric": "sentiment", "thresholds": [0], "tokens": ["<|neg|>", "<|pos|>"], "good": "<|pos|>"},
    },
    "arms": {
        "base": {"train": []},
        "none": {},
        "tox": {"treat": [{"control_tokens": {"attributes": ["tox"]}}]},
        "both": {"treat": [{"control_tokens": {"attributes": ["tox", "sen"]}}]},
        "nice": {
            "treat": [{"control_tokens": {"attributes": ["tox", "sen"]}}],
            "wraps": [{"control_prefix": {"tokens": ["<|pos|>"]}}],
        },
        "early": {"treat": [{"control_tokens": {"attributes": ["tox", "sen"]}}], "snapshot": 0.5},
        "filtered": {"treat": [{"keep_good": {"attributes": ["sen"]}}]},
    },
    "train": [{"lm": {"data": "sentences", "snapshots": [0.5]}}],
    "seeds": [0, 1],
    "evaluate": [
        {"control": {"attributes": ["tox", "sen"], "samples": 4, "max_new_tokens": 4,
                     "arms": ["base", "none", "tox", "both", "early", "filtered"]}},
        {"likelihood": {"name": "own", "data": "held_out", "metrics": ["bits_per_byte"], "control": "labels"}},
        {"generate": {"name": "answers", "prompts": "asked", "metrics": ["length"], "control": "each"}},
    ],
    "compare": {"to": "none"},
}  # fmt: skip


def stages(graph: Graph, arm: str, seed: int | None = 0) -> dict[str, Any]:
    return next(one.stages for one in graph.cells if (one.cell.arm.name, one.cell.seed) == (arm, seed))


def test_arms_share_sentences_labels_and_what_fits(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    arms = ["none", "tox", "both", "filtered"]
    assert len({stages(graph, arm)["fit"].key for arm in arms}) == 1
    assert len({stages(graph, arm)["lm"].key for arm in arms}) == 4
    assert len({stages(graph, arm)["treat"].inputs["labels.tox"].key for arm in ("tox", "both")}) == 1
    assert stages(graph, "both")["treat"].inputs["labels.sen"].key == graph.labels["sentences", "sen"].key


def test_a_threshold_moves_the_treated_texts_and_no_label(raw: dict[str, Any]) -> None:
    before = wire(Study(**raw))
    raw["attributes"]["tox"]["thresholds"] = [0.4]
    after = wire(Study(**raw))
    assert after.labels["sentences", "tox"].key == before.labels["sentences", "tox"].key
    assert stages(after, "tox")["treat"].key != stages(before, "tox")["treat"].key
    assert stages(after, "none")["lm"].key == stages(before, "none")["lm"].key


def test_attributes_that_no_arm_uses_move_no_key(raw: dict[str, Any]) -> None:
    before = wire(Study(**raw))
    raw["attributes"]["brief"] = {
        "metric": "length",
        "thresholds": [9],
        "tokens": ["<|brief|>", "<|long|>"],
        "good": "<|brief|>",
    }
    after = wire(Study(**raw))
    assert [one.key for one in after.targets] == [one.key for one in before.targets]


def test_only_arms_that_know_tokens_have_a_grown_vocabulary(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    grown = {arm: stages(graph, arm)["lm"].args["model"].get("added_tokens") for arm in ("none", "tox", "filtered")}
    assert grown == {"none": None, "tox": ["<|nontoxic|>", "<|toxic|>"], "filtered": None}


@pytest.mark.parametrize(
    ("arm", "conditions", "used"),
    [
        ("base", [[]], 0),
        ("none", [[]], 0),
        ("tox", [[], ["<|nontoxic|>"], ["<|toxic|>"]], 1),
        (
            "both",
            [[], ["<|nontoxic|>", "<|neg|>"], ["<|nontoxic|>", "<|pos|>"], ["<|toxic|>", "<|neg|>"],
             ["<|toxic|>", "<|pos|>"]],
            2,
        ),
    ],
)  # fmt: skip
def test_a_model_writes_under_every_combination_that_it_knows(
    raw: dict[str, Any], arm: str, conditions: list[list[str]], used: int
) -> None:
    told = stages(wire(Study(**raw)), arm, None if arm == "base" else 0)["control.control"]
    assert told.args["conditions"] == conditions
    assert told.args["used"] == used


def test_judges_and_scorers_reach_the_scoring_and_only_the_base_says_what_is_fluent(raw: dict[str, Any]) -> None:
    made = stages(wire(Study(**raw)), "both")
    tox, sen = made["score.control.control"].args["attributes"]
    assert (tox["judge"]["metric"]["name"], tox["judge"]["thresholds"]) == ("opinion", [0.5])
    assert "judge" not in sen
    assert "added_tokens" not in made["score.control.fluency"].args["model"]


def test_texts_are_read_behind_their_own_tokens_where_the_model_knows_them(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    plain, own = stages(graph, "none")["likelihood.own"], stages(graph, "both")["likelihood.own"]
    assert "tokens" not in plain.args
    assert own.args["tokens"] == "true"
    assert own.inputs["prompts"].args["steps"][0]["args"]["untagged"] == 0


def test_other_combinations_are_asked_beside_the_good_one_and_never_compared(raw: dict[str, Any]) -> None:
    cell = next(one for one in wire(Study(**raw)).cells if one.cell.arm.name == "tox")
    asked = {suite.name: suite for suite in cell.suites if suite.told.kind == "generate"}
    fronts = {name: suite.told.args.get("control") for name, suite in asked.items()}
    assert fronts == {"answers": ["<|nontoxic|>"], "answers.none": None, "answers.toxic": ["<|toxic|>"]}
    assert {name: suite.measures[0].beside for name, suite in asked.items()} == {
        "answers": False, "answers.none": True, "answers.toxic": True,
    }  # fmt: skip


def test_a_wrapped_arm_shares_the_training_and_is_always_asked_so(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    assert stages(graph, "nice")["lm"].key == stages(graph, "both")["lm"].key
    assert stages(graph, "nice")["generate.answers"].args["control"] == ["<|pos|>"]
    assert "generate.answers.none" not in stages(graph, "nice")


def test_what_a_filter_keeps_is_made_once_for_all_seeds(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    assert stages(graph, "filtered")["treat"].key == stages(graph, "filtered", 1)["treat"].key
    assert stages(graph, "both")["treat"].key != stages(graph, "both", 1)["treat"].key


def test_random_weights_read_the_same_rows_and_only_the_training_knows(raw: dict[str, Any]) -> None:
    raw["arms"]["scratch"] = {"model": {"from_config": True}}
    graph = wire(Study(**raw))
    assert stages(graph, "scratch")["blocks"].key == stages(graph, "none")["blocks"].key
    assert stages(graph, "scratch")["lm"].key != stages(graph, "none")["lm"].key


def test_where_tokens_may_stand_in_front_all_arms_begin_alike(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    assert all(stages(graph, arm)["generate.answers"].args["start"] for arm in ("none", "tox"))
    raw["evaluate"][2]["generate"].pop("control")
    assert "start" not in stages(wire(Study(**raw)), "none")["generate.answers"].args


def test_a_snapshot_shares_the_training_and_is_measured_by_itself(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    early, end = stages(graph, "early"), stages(graph, "both")
    assert early["lm"].key == end["lm"].key
    for name in ("prove", "control.control", "likelihood.own", "generate.answers"):
        assert early[name].args["snapshot"] == 0.5
        assert "snapshot" not in end[name].args
