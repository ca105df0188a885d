"""Which suites ask arms without tokens that were trained with some."""

from __future__ import annotations

import copy
from typing import Any

from leaven import Study
from leaven.gather import conditioned
from leaven.wiring import wire

STUDY: dict[str, Any] = {
    "name": "bare",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "sentences": {"source": "pocket:pile", "format": "pile", "corpus": {"sources": ["moods"], "min_words": 3}},
        "held_out": {"source": "pocket:pile", "format": "pile", "part": [0.9, 1], "corpus": {"sources": ["moods"]}},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
    },
    "attributes": {
        "sen": {"metric": "sentiment", "thresholds": [0], "tokens": ["<|neg|>", "<|pos|>"], "good": "<|pos|>"},
    },
    "arms": {
        "none": {},
        "nice": {
            "treat": [{"control_tokens": {"attributes": ["sen"]}}],
            "wraps": [{"control_prefix": {"tokens": ["<|pos|>"]}}],
        },
        "sen": {"treat": [{"control_tokens": {"attributes": ["sen"]}}]},
    },
    "train": [{"lm": {"data": "sentences"}}],
    "evaluate": [
        {"control": {"attributes": ["sen"], "samples": 4, "max_new_tokens": 4, "arms": ["none", "sen"]}},
        {"likelihood": {"name": "plain", "data": "held_out", "metrics": ["bits_per_byte"]}},
        {"likelihood": {"name": "own", "data": "held_out", "metrics": ["bits_per_byte"], "control": "labels"}},
        {"generate": {"name": "answers", "prompts": "asked", "metrics": ["length"]}},
    ],
    "compare": {"to": "none"},
}


def bare(**changed: Any) -> list[str]:
    return conditioned.bare(wire(Study(**{**copy.deepcopy(STUDY), **changed})))


def test_suites_that_give_no_tokens_to_arms_that_know_some_are_bare() -> None:
    assert bare() == ["answers"], "`own` asks with tokens what `plain` asks without"
    assert bare(evaluate=[one for one in STUDY["evaluate"] if one.get("likelihood", {}).get("name") != "own"]) == [
        "plain", "answers",
    ]  # fmt: skip


def test_each_arm_counts_by_what_it_is_asked_itself() -> None:
    plain, own, answers = STUDY["evaluate"][1:]
    only = {"generate": {**answers["generate"], "arms": ["none", "nice"]}}
    assert bare(evaluate=[STUDY["evaluate"][0], only]) == [], "a wrapped arm is asked with its own"
    others = {"likelihood": {**own["likelihood"], "arms": ["none", "nice"], "control": None}}
    assert bare(evaluate=[plain, others]) == ["plain"], "nobody asks `sen` with tokens"


def test_arms_that_know_no_tokens_lack_none() -> None:
    arms = {"none": {}, "other": {"treat": [{"keep_good": {"attributes": ["sen"]}}]}}
    assert bare(arms=arms, evaluate=[{"likelihood": {"data": "held_out", "metrics": ["bits_per_byte"]}}]) == []
