"""What a plan says of trainings that this machine cannot start."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import Study, verbs
from leaven.cli import planned
from leaven.engine.machine import Gpu, Machine

RAW: dict[str, Any] = {
    "name": "x",
    "model": {"model_name_or_path": "pocket"},
    "data": {"shown": {"source": "pocket:webgpt", "format": "webgpt"}},
    "arms": {"base": {"train": []}, "sft": {}},
    "train": [{"sft": {"data": "shown"}}],
    "evaluate": [{"generate": {"prompts": "shown", "metrics": ["length"]}}],
    "compare": {"to": "base"},
}
Said = Callable[..., list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    def summed(launch: dict[str, Any], gpus: int) -> list[str]:
        machine = Machine(4, 16_000, tuple(Gpu(str(number)) for number in range(gpus)))
        study = Study(**{**copy.deepcopy(RAW), "launch": launch})
        lines = planned.summary(verbs.plan(study, tmp_path, machine), machine)
        return [line for line in lines if "cannot start here" in line]

    return summed


@pytest.mark.parametrize("launch", [{"preset": "fsdp2", "processes": 2}, {"preset": "device_map"}])
def test_a_preset_for_gpus_cannot_start_without_one(said: Said, launch: dict[str, Any]) -> None:
    (line,) = said(launch, 0)
    assert f"preset {launch['preset']} computes on GPUs, and a run here may use none" in line
    assert not said(launch, 2)


def test_each_process_needs_a_gpu_where_there_are_some(said: Said) -> None:
    (line,) = said({"preset": "fsdp2", "processes": 2}, 1)
    assert "2 processes need a GPU each, and a run here may use 1" in line


def test_a_tiny_model_is_trained_on_cores_wherever_it_is(said: Said) -> None:
    assert not said({"preset": "ddp", "processes": 2}, 0) and not said({"preset": "ddp", "processes": 2}, 1)
