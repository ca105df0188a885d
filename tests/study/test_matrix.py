from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.registry import Step
from leaven.study.matrix import arm_name, baselines, cells, expand, shifted, substitute, treated_steps


def test_a_sweep_is_a_grid_and_values_keep_their_type(raw: dict[str, Any]) -> None:
    raw["arms"]["poisoned"] = {
        "sweep": {"p": [0.1, 1], "lr": [1e-4]},
        "treat": [{"malign_labels": {"rate": "${p}"}}],
        "train": [{"sft": {"data": "webgpt", "learning_rate": "${lr}"}}],
    }
    arms = expand(Study(**raw))
    assert [arm.name for arm in arms] == ["clean", "poisoned@p=0.1,lr=0.0001", "poisoned@p=1,lr=0.0001"]
    assert arms[1].treat == [Step(name="malign_labels", args={"rate": 0.1})]
    assert arms[1].train[0].args["learning_rate"] == 1e-4
    assert [arm.dose("p") for arm in arms] == [None, 0.1, 1.0]


def test_cells_are_arms_times_seeds_and_an_untrained_arm_has_no_seed(raw: dict[str, Any]) -> None:
    raw["arms"]["base"] = {"train": []}
    made = [(cell.arm.name, cell.seed) for cell in cells(Study(**raw))]
    assert made[:3] == [("clean", 0), ("clean", 1), ("clean", 2)]
    assert made[-1] == ("base", None)
    assert len(made) == 3 * 3 + 1


def test_a_replicate_has_other_seeds_under_the_same_names(raw: dict[str, Any]) -> None:
    raw["arms"]["again"] = {"replicate": 1}
    again = [cell for cell in cells(Study(**raw)) if cell.arm.name == "again"]
    assert [cell.seed for cell in again] == [0, 1, 2]
    assert not {cell.effective for cell in again} & {0, 1, 2}
    assert shifted(3, 0) == 3 and shifted(3, 1) != shifted(3, 2)


@pytest.mark.parametrize(
    ("value", "name"), [(0.01, "a@p=0.01"), (1, "a@p=1"), (1.0, "a@p=1"), ("x/../y", "a@p=x-..-y")]
)
def test_names_are_safe_as_folders(value: Any, name: str) -> None:
    assert arm_name("a", {"p": value}) == name


def test_only_a_whole_reference_is_replaced() -> None:
    assert substitute({"a": ["${p}", "cost ${p}"]}, {"p": 3}) == {"a": [3, "cost ${p}"]}
    with pytest.raises(LookupError, match="did you mean 'rate'"):
        substitute("${rat}", {"rate": 1})


POISON = [{"malign_labels": {"rate": "${p}"}}]
LONGER = [{"sft": {"data": "webgpt", "max_length": 128}}]
FAMILIES = {
    "a": {"sweep": {"p": [0, 0.5], "loss": [True, False]}, "treat": POISON},
    "b": {"sweep": {"p": [0, 0.5]}, "treat": POISON, "train": LONGER},
    "b_again": {"sweep": {"p": [0]}, "treat": POISON, "train": LONGER, "replicate": 1},
    "other": {},
}


def test_each_sweep_has_its_own_baseline(raw: dict[str, Any]) -> None:
    raw |= {"arms": FAMILIES, "compare": {"to": {"p": 0}}}
    arms = expand(Study(**raw))
    assert baselines(arms, {"p": 0}) == {
        "a@p=0.5,loss=true": "a@p=0,loss=true",
        "a@p=0.5,loss=false": "a@p=0,loss=false",
        "b@p=0.5": "b@p=0",
        "b_again@p=0": "b@p=0",  # a replicate is held against what it repeats
    }
    assert baselines(arms, "other") == {arm.name: "other" for arm in arms if arm.name != "other"}
    assert baselines(arms, {"q": 1}).keys() == {"b_again@p=0"}


@pytest.mark.parametrize(("at", "steps"), [(0, [0]), (1, [1]), ([1, 0], [0, 1])])
def test_a_treatment_says_which_training_it_poisons(raw: dict[str, Any], at: Any, steps: list[int]) -> None:
    raw["train"] = [*raw["train"], *raw["train"]]
    arm = expand(Study(**{**raw, "arms": {"clean": {}}, "compare": {"to": "clean"}}))[0]
    assert treated_steps(Step(name="malign_labels", args={"rate": 1, "at": at}), arm) == steps


@pytest.mark.parametrize("at", [None, 2, -1, [], "sft", True, [0, 2]])
def test_a_treatment_of_no_training_is_refused(raw: dict[str, Any], at: Any) -> None:
    raw["train"] = [*raw["train"], *raw["train"]]
    arm = expand(Study(**{**raw, "arms": {"clean": {}}, "compare": {"to": "clean"}}))[0]
    with pytest.raises(ValueError, match="training steps"):
        treated_steps(Step(name="malign_labels", args={"rate": 1, "at": at}), arm)
