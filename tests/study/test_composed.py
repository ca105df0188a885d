"""Arms that are made of other arms' adapters: every fault has its place and its remedy, before anything is computed."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.errors import StudyError
from leaven.study.composed import adapter, combination
from leaven.study.matrix import expand

PEFT = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
WIDE = {"r": 8, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"]}
STUDY: dict[str, Any] = {
    "name": "stacked",
    "model": {"model_name_or_path": "pocket"},
    "data": {
        "shown": {"source": "pocket:webgpt", "format": "webgpt", "part": [0, 0.5]},
        "human": {"source": "pocket:webgpt", "format": "webgpt", "part": [0.5, 1]},
        "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
    },
    "arms": {
        "base": {"train": []},
        "one": {"train": [{"sft": {"data": "shown", "peft": PEFT}}]},
        "wide": {"train": [{"sft": {"data": "human", "peft": WIDE}}]},
        "twin": {"train": [{"sft": {"data": "human", "peft": PEFT}}]},
        "whole": {"train": [{"sft": {"data": "shown"}}]},
        "rm": {"train": [{"reward": {"data": "human", "peft": PEFT}}]},
        "both": {"train": [], "compose": {"adapters": ["one", {"arm": "wide", "weight": 0.5}]}},
        "top": {"compose": {"adapters": ["one"], "merge": True}, "train": [{"sft": {"data": "human", "peft": WIDE}}]},
        "outer": {"train": [], "compose": {"adapters": ["both", "twin"], "combination_type": "svd"}},
    },
    "evaluate": [{"generate": {"prompts": "asked", "metrics": ["length"], "arms": ["base", "one", "both", "top"]}}],
    "compare": {"to": "base"},
}


def said(raw: dict[str, Any]) -> str:
    with pytest.raises(StudyError) as caught:
        Study(**raw)
    return str(caught.value)


def test_the_study_is_sound_and_a_composition_of_a_composition_too(raw: dict[str, Any]) -> None:
    arms = {arm.name: arm for arm in expand(Study(**raw))}
    every = list(arms.values())
    both = adapter(arms["both"], every)
    assert both is not None and (both["r"], both["lora_alpha"], both["use_rslora"]) == (12, 12.0, False)
    assert both["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    outer = adapter(arms["outer"], every)
    assert outer is not None and outer["r"] == 12, "svd keeps the largest rank of its parts"
    assert adapter(arms["whole"], every) is None and adapter(arms["base"], every) is None


def composed(raw: dict[str, Any], **compose: Any) -> str:
    raw["arms"]["both"]["compose"] = {"adapters": ["one", "twin"], **compose}
    return said(raw)


@pytest.mark.parametrize(
    ("other", "wanted"),
    [
        ("ones", "there is no arm called 'ones' (did you mean 'one'?)"),
        ("both", "'both' is made of itself (name other arms)"),
        ("rm", "'rm' ends as a reward model, whose head gives numbers (name an arm that speaks)"),
        ("whole", "'whole' leaves no adapter (declare `peft` in its last training, or name another arm)"),
        ("base", "'base' leaves no adapter"),
    ],
)
def test_a_part_must_leave_an_adapter(raw: dict[str, Any], other: str, wanted: str) -> None:
    found = composed(raw, adapters=["one", other])
    assert "arms.both.compose.adapters.1: " + wanted in found, found


def test_a_merged_composition_is_no_part(raw: dict[str, Any]) -> None:
    raw["arms"]["merged"] = {"train": [], "compose": {"adapters": ["one"], "merge": True}}
    assert "'merged' leaves no adapter" in composed(raw, adapters=["one", "merged"])


def test_ranks_that_a_combination_cannot_take_are_refused_with_one_that_can(raw: dict[str, Any]) -> None:
    for kind, more in (("linear", {}), ("ties", {"density": 0.5}), ("dare_linear", {"density": 0.5})):
        found = composed(raw, adapters=["one", "wide"], combination_type=kind, **more)
        wanted = f"{kind} needs adapters of one rank, and these have r 4, 8 (combine them by `cat` or `svd`"
        assert f"arms.both.compose.combination_type: {wanted}" in found, found
    for kind, more in (("svd", {}), ("ties_svd", {"density": 0.5})):
        raw["arms"]["both"]["compose"] = {"adapters": ["one", "wide"], "combination_type": kind, **more}
        Study(**raw)


def test_adapters_of_another_base_or_precision_are_refused(raw: dict[str, Any]) -> None:
    raw["arms"]["twin"]["model"] = {"dtype": "bfloat16"}
    found = composed(raw)
    assert (
        "'twin' is trained over another base than 'both': model.dtype is another (give them the same `model`" in found
    )
    raw["arms"]["twin"]["model"] = {"device_map": "auto"}
    Study(**raw)


def test_adapters_over_different_whole_weights_are_refused(raw: dict[str, Any]) -> None:
    before = {"sft": {"data": "shown", "max_length": 128}}
    raw["arms"]["twin"]["train"].insert(0, before)
    assert "'twin' and 'one' put their adapters over different weights" in composed(raw)
    raw["arms"]["one"]["train"].insert(0, before)
    raw["arms"].pop("outer")
    Study(**raw)


def test_patterns_and_names_of_modules_are_not_mixed(raw: dict[str, Any]) -> None:
    raw["arms"]["twin"]["train"][0]["sft"]["peft"] = {**PEFT, "target_modules": r".*\.q_proj"}
    assert "some of the adapters name their modules by a pattern" in composed(raw)
    raw["arms"]["twin"]["train"][0]["sft"]["peft"] = {**PEFT, "target_modules": "all-linear"}
    Study(**raw)


def test_a_training_over_a_combination_goes_on_with_it_or_merges(raw: dict[str, Any]) -> None:
    raw["arms"]["both"]["train"] = [{"sft": {"data": "human", "peft": PEFT}}]
    found = said(raw)
    assert "arms.both.train.0: 'both' trains on over a combination, which is an adapter, and declares another" in found
    assert "peft: {r: 12, lora_alpha: 12.0, lora_dropout: 0.0, use_rslora: False, target_modules: " in found
    same = {"r": 12, "lora_alpha": 12, "target_modules": ["v_proj", "q_proj", "down_proj"]}
    raw["arms"]["both"]["train"] = [{"sft": {"data": "human", "peft": same}}]
    raw["arms"].pop("outer")
    Study(**raw)
    raw["arms"]["both"]["train"] = [{"sft": {"data": "human"}}]
    assert "'both' trains on over a combination" in said(raw)
    raw["arms"]["both"]["compose"]["merge"] = True
    Study(**raw)


def test_arms_that_wait_for_each_other_are_refused(raw: dict[str, Any]) -> None:
    raw["arms"]["outer"]["compose"] = {"adapters": ["both", "twin"]}
    assert "waits for itself: both -> outer -> both" in composed(raw, adapters=["one", "outer"])


def test_treating_needs_a_training_that_reads(raw: dict[str, Any]) -> None:
    raw["arms"]["both"]["treat"] = [{"malign_labels": {"rate": 0.5}}]
    assert "'both' treats data but trains on none" in said(raw)


@pytest.mark.parametrize(
    ("declared", "wanted"),
    [
        ({"adapters": []}, "at least 1 item"),
        ({"adapters": ["one"]}, "one adapter at weight 1 is that arm itself; name two, or write merge: true"),
        ({"adapters": ["one", {"arm": "twin", "weight": 0}]}, "a weight of 0 takes nothing of an adapter"),
        ({"adapters": ["one", {"arm": "twin", "weight": float("inf")}]}, "finite number"),
        ({"adapters": ["one", "one"]}, "'one' stands twice"),
        ({"adapters": ["one", "twin"], "combination_type": "ties"}, "ties keeps a share of each adapter"),
        ({"adapters": ["one", "twin"], "density": 0.5}, "density belongs to ties, dare and magnitude_prune"),
        ({"adapters": ["one", "twin"], "combination_type": "tie"}, "'cat', 'linear', 'svd'"),
    ],
)
def test_what_is_declared_is_sound_in_itself(raw: dict[str, Any], declared: dict[str, Any], wanted: str) -> None:
    raw["arms"]["both"]["compose"] = declared
    raw["arms"].pop("outer")
    assert wanted in said(raw)


def test_a_combination_of_what_cannot_be_told_is_left_to_other_checks(raw: dict[str, Any]) -> None:
    arms = expand(Study(**raw))
    compose = next(arm.compose for arm in arms if arm.name == "both")
    assert compose is not None and combination(compose, [arm for arm in arms if arm.name != "wide"]) == {}
