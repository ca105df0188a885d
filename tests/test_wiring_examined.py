"""The base of trainings is looked at once, beside them: no key of a training rests on it."""

from __future__ import annotations

from typing import Any

import pytest

from leaven import Study
from leaven.engine.stage import Stage, closure
from leaven.graph import EXAMINED, Graph
from leaven.wiring import wire


def examined(graph: Graph) -> list[Stage]:
    return [stage for stage in closure(graph.targets) if stage.kind == EXAMINED]


def sft(**args: Any) -> dict[str, Any]:
    return {"train": [{"sft": {"data": "webgpt", "max_length": 256, **args}}]}


def test_one_for_each_base_and_what_is_trained_of_it(raw: dict[str, Any]) -> None:
    (whole,) = examined(wire(Study(**raw)))
    assert whole.args["trains"] == "whole" and whole.inputs == {}
    raw["arms"] |= {"low": sft(peft={"r": 4}), "lower": sft(peft={"r": 2}), "bare": {"train": []}}
    graph = wire(Study(**raw))
    assert sorted(one.args["trains"] for one in examined(graph)) == ["adapter", "whole"]
    assert not any(EXAMINED in cell.stages for cell in graph.cells if cell.cell.arm.name == "bare")


def test_no_other_stage_reads_it(raw: dict[str, Any]) -> None:
    every = closure(wire(Study(**raw)).targets)
    assert not any(read.kind == EXAMINED for stage in every for read in stage.inputs.values())


@pytest.mark.parametrize(
    ("model", "moves"),
    [({"dtype": "bfloat16"}, False), ({"chat_template_path": "plain"}, False), ({"eos_token": "<pad>"}, True)],
)
def test_what_touches_no_finding_moves_no_key(raw: dict[str, Any], model: dict[str, Any], moves: bool) -> None:
    (before,) = examined(wire(Study(**raw)))
    raw["model"] |= model
    (after,) = examined(wire(Study(**raw)))
    assert (after.key != before.key) is moves


@pytest.mark.parametrize(
    ("steps", "trains"),
    [
        ([{"peft": {"target_modules": ["q_proj", "lm_head"]}}], "whole"),
        ([{"peft": {"target_modules": ["q_proj"]}}, {"peft": {"target_modules": ["q_proj"]}}], "adapter"),
        ([{}, {"peft": {"r": 4}}], "whole"),
    ],
)
def test_an_adapter_over_the_rows_of_tokens_can_move_them(
    raw: dict[str, Any], steps: list[dict[str, Any]], trains: str
) -> None:
    raw["arms"] = {"clean": {"train": [one for step in steps for one in sft(**step)["train"]]}}
    raw["compare"] = {"to": "clean"}
    (one,) = examined(wire(Study(**raw)))
    assert one.args["trains"] == trains
