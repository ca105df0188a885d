"""What can be told of a launch before anything is trained: which trainings cannot be started as the study says.

What depends on the machine (its GPUs, DeepSpeed) is no fault of a study: `leaven plan` tells it, and the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaven.errors import StudyError
from leaven.registry import TRAINERS, Step
from leaven.study.launch import Launch, around
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.problems import Check

_SHARDED = ("zero3", "fsdp2")
_STEP = ("per_device_train_batch_size", "gradient_accumulation_steps")


def launched(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, check: Check) -> None:
    """Check that a training can be started as the study, or the file of accelerate that it names, says."""
    declared: Launch | None = parts.get("launch")
    told = _told(declared)
    if declared is None or told is None:
        return
    paired = TRAINERS.get(step.name).traits.get("reads") == "preferences"
    _whole(told, step, _at(declared, "preset"), check, paired=paired)
    _shared(told, step, _at(declared, "processes"), check, paired=paired)
    dtype = str({**parts["model"].model_dump(), **arm.model}.get("dtype")) if "model" in parts else ""
    _precision(declared, told, step, dtype, check)


def _told(declared: Launch | None) -> dict[str, Any] | None:
    """Return what trainings are told; None for no launch, or a file whose own faults are told elsewhere."""
    try:
        return None if declared is None else around(declared, Path())
    except StudyError:
        return None


def _at(declared: Launch, field: str) -> Steps:
    return ("launch", field if declared.config is None else "config")


def _whole(told: Mapping[str, Any], step: Step, at: Steps, check: Check, *, paired: bool) -> None:
    """Check that nothing asks for whole weights where a preset cuts them into shards."""
    preset = told["preset"]
    if preset in _SHARDED and paired:
        check.say(at, f"{preset} cuts a model into shards, and {step.name} asks it for whole", "write ddp or zero2")
    elif preset in _SHARDED and step.args.get("snapshots"):
        said = f"{preset} cuts a model into shards, and snapshots of {step.name} need whole weights on the way"
        check.say(at, said, "write ddp or zero2")


def _shared(told: Mapping[str, Any], step: Step, at: Steps, check: Check, *, paired: bool) -> None:
    """Check that the processes can share a step; of pairs, every batch: a loss is the mean over its rows."""
    known, processes = TRAINERS.get(step.name).schema.model_fields, told["processes"]
    batch, times = (step.args.get(name, known[name].default if name in known else None) for name in _STEP)
    if not isinstance(batch, int) or not isinstance(times, int):
        return  # it has no such argument, or that is told with the training's
    if batch * times % processes:
        said = f"a step of {step.name} has {batch * times} rows, which {processes} processes cannot share"
        check.say(at, said, f"make {' x '.join(_STEP)} a multiple of it")
    elif paired and batch % processes:
        said = f"a batch of {step.name} has {batch} pairs, which {processes} processes cannot share"
        check.say(at, said, f"make {_STEP[0]} a multiple of it")


def _precision(declared: Launch, told: Mapping[str, Any], step: Step, dtype: str, check: Check) -> None:
    """Check that a file's precision is the training's own, since it changes results, and that ZeRO trains in it."""
    said = told.get("mixed_precision")
    if said and step.args.get(said) is not True and not (said == "bf16" and dtype == "bfloat16"):
        remedy = f"set {said}: true there (it changes results), or mixed_precision to no"
        apart = f"{declared.config} says mixed_precision {said}, and {step.name} does not"
        check.say(("launch", "config"), apart, remedy)
    if str(told["preset"]).startswith("zero") and (step.args.get("fp16") is True or dtype == "float16"):
        apart = f"{told['preset']} does not train {step.name} in fp16"
        check.say(_at(declared, "preset"), apart, "set bf16, or write ddp")
