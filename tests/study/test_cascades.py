"""One fault is said once: what follows from it is no second one. And a fault of all arguments stands where they do."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError

LORA = {"r": 4, "lora_alpha": 8}
SFT = {"data": "shown", "learning_rate": 1e-3, "peft": LORA}
CLAIM = {"says": "It is shorter", "arm": "talker", "metric": "length", "holds": "lower"}
STUDY: dict[str, Any] = {
    "name": "cascades",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt"},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
        "pile": {"source": "pocket:pile", "format": "pile", "corpus": {}},
        "taught": {"distilled": {"arm": "prompted", "prompts": "shown"}},
    },
    "attributes": {
        "mood": {"metric": "sentiment", "thresholds": [0], "tokens": ["<|neg|>", "<|pos|>"], "good": "<|pos|>"}
    },
    "arms": {
        "base": {"train": []},
        "prompted": {"train": [], "wraps": [{"system_prompt": {"text": "Be brief."}}]},
        "talker": {"train": [{"sft": SFT}]},
        "reader": {"train": [{"sft": {**SFT, "learning_rate": 2e-3}}]},
        "both": {"compose": {"adapters": ["reader", "talker"]}},
        "student": {"train": [{"sft": {**SFT, "data": "taught"}}]},
        "rewards": {"train": [{"reward": {"data": "shown", "learning_rate": 1e-3}}]},
        "rewarded": {"train": [{"rl": {"data": "asked", "learning_rate": 1e-3, "reward": {"arm": "rewards"}}}]},
        "steered": {
            "treat": [{"control_tokens": {"attributes": ["mood"]}}],
            "train": [{"lm": {"data": "pile", "learning_rate": 1e-3}}],
        },
        "swept": {"sweep": {"p": [0, 1]}, "train": [{"sft": {**SFT, "num_train_epochs": 1}}],
                  "treat": [{"malign_labels": {"rate": "${p}"}}]},
    },
    "evaluate": [
        {"generate": {"prompts": "asked", "metrics": ["length"], "arms": ["base", "prompted", "talker", "both"]}},
        {"generate": {"name": "steering", "prompts": "asked", "metrics": ["sentiment"], "arms": ["steered"],
                      "control": "good"}},
        {"generate": {"name": "sweeping", "prompts": "asked", "metrics": ["length"], "arms": ["swept"]}},
    ],
    "compare": {
        "to": "base",
        "claims": [CLAIM, {**CLAIM, "arm": "prompted", "to": "talker"}],
        "gaps": [{"metric": "length", "student": "student", "teacher": "prompted", "bare": "base"}],
    },
}  # fmt: skip


def said(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return [str(problem) for problem in caught.value.problems]


def test_the_sound_study_is_sound(raw: dict[str, Any]) -> None:
    assert Study(**raw).name == "cascades"


@pytest.mark.parametrize("arm", ["base", "prompted", "talker", "reader", "rewards", "steered", "swept"])
def test_an_unsound_arm_is_no_absent_one(raw: dict[str, Any], arm: str) -> None:
    raw["arms"][arm]["wraps"] = {"rag": {"corpus": "shown"}}
    (only,) = said(raw)
    assert only.startswith(f"arms.{arm}.wraps: ") and only.endswith("should be a valid list")


def test_a_sweep_that_cannot_be_filled_in_hides_no_baseline(raw: dict[str, Any]) -> None:
    raw["arms"]["swept"]["treat"] = [{"malign_labels": {"rate": "${q}"}}]
    raw["compare"] = {"to": {"p": 0}, "claims": [{**CLAIM, "arm": "swept@p=1", "metric": "sweeping/length"}]}
    (only,) = said(raw)
    assert only.startswith("arms.swept: ${q} is not in the arm's sweep")


def test_a_training_that_is_unsound_makes_no_arm_an_untrained_one(raw: dict[str, Any]) -> None:
    raw["train"] = {"sft": SFT}
    raw["arms"]["swept"].pop("train")
    raw["arms"]["talker"].pop("train")
    (only,) = said(raw)
    assert only.startswith("train: ") and only.endswith("should be a valid list")


def test_a_baseline_that_is_not_there_is_said_of_the_baseline_alone(raw: dict[str, Any]) -> None:
    raw["compare"]["to"] = "bas"
    assert said(raw) == ["compare.to: there is no arm called 'bas' (did you mean 'base'?)"]
    raw["compare"]["to"] = {"p": 5}
    (only,) = said(raw)
    assert only.startswith("compare.to: no arm has p=5 beside other values")


def test_what_is_wrong_besides_is_still_said(raw: dict[str, Any]) -> None:
    raw["arms"]["talker"]["wraps"] = {"rag": {}}
    raw["compare"]["to"] = "bas"
    raw["compare"]["claims"] = [{**CLAIM, "arm": "talkr"}, {**CLAIM, "arm": "prompted", "to": "prompted"}]
    found = said(raw)
    assert [one.partition(":")[0] for one in found] == [
        "arms.talker.wraps", "compare.to", "compare.claims.0.arm", "compare.claims.1.arm",
    ]  # fmt: skip
    assert "there is no arm called 'talkr'" in found[2] and "'prompted' has no baseline" in found[3]


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        ({"metric": "toxicity"}, "a guard blocks `above` or `below` a number, or by a threshold that is set on "
         "`validation` rows (declare exactly one of the three)"),
        ({"metric": "toxicity", "above": 0.1, "below": 0.9}, "a guard blocks `above` or `below` a number, or by a "
         "threshold that is set on `validation` rows (declare exactly one of the three)"),
        ({"above": 0.1}, "a guard decides by exactly one of `intents` and `metric` (name what it goes by)"),
    ],
)  # fmt: skip
def test_a_guard_without_its_half_says_so_of_itself(raw: dict[str, Any], guard: dict[str, Any], expected: str) -> None:
    raw["arms"]["base"]["wraps"] = [{"guard": copy.deepcopy(guard)}]
    assert said(raw) == [f"arms.base.wraps.0.guard: {expected}"]


def test_a_default_that_nobody_wrote_is_not_shown_as_a_value(raw: dict[str, Any]) -> None:
    raw["arms"]["base"]["wraps"] = [{"guard": {"metric": "toxicity", "validation": "asked", "harmless": ["x"]}}]
    (only,) = said(raw)
    assert only.startswith("arms.base.wraps.0.guard.false_block_rate: goes with `validation`")
