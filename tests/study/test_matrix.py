from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.registry import Step
from leaven.study.matrix import arm_name, cells, expand, shifted, substitute


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
