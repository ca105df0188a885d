"""Whoever answers: a trained artefact or a base, loaded once for all stages on it that run in one process."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from leaven.stages.folders import Args, Inputs


def speaker(args: Args, inputs: Inputs) -> tuple[Any, Any, list[int]]:
    """Return whoever answers, with its tokenizer and stop ids; ``args["snapshot"]`` says which one of a training."""
    base, device_map = inputs.get("base"), args.get("around", {}).get("device_map")
    if "model" in inputs:
        return _trained(artefact(args, inputs), base, device_map)
    return _untrained(json.dumps(args["model"], sort_keys=True), base, device_map)


def artefact(args: Args, inputs: Inputs) -> Path:
    """Return the folder of the artefact that answers: what the training ended with, or one of its snapshots."""
    from leaven.train.snapshots import folder_of

    return inputs["model"] if args.get("snapshot") is None else folder_of(inputs["model"], float(args["snapshot"]))


def judge(args: Args, inputs: Inputs) -> tuple[Any, Any, bool]:
    """Return whoever is asked which of two answers is better, its tokenizer, and whether it gives rewards.

    What ``reward`` trained gives rewards; any other artefact, and a base, log-probabilities.
    """
    from leaven.models.ref import ModelRef

    if "model" in inputs and ModelRef.load(artefact(args, inputs)).makes == "reward":
        return *_rewarding(artefact(args, inputs), inputs.get("base"), args.get("around", {}).get("device_map")), True
    model, tokenizer, _ = speaker(args, inputs)
    return model, tokenizer, False


@functools.lru_cache(maxsize=1)
def _rewarding(folder: Path, base: Path | None, device_map: str | None) -> tuple[Any, Any]:
    from leaven.models import rewarding

    return rewarding.reward_model(folder, base, device_map)


@functools.lru_cache(maxsize=1)  # stages on one model run in one process: it is loaded once
def _trained(folder: Path, base: Path | None, device_map: str | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    model, tokenizer = load.trained(folder, base, device_map)
    return model, tokenizer, load.stop_ids(tokenizer, load.generation_config(folder, model))


@functools.lru_cache(maxsize=1)
def _untrained(described: str, path: Path | None, device_map: str | None) -> tuple[Any, Any, list[int]]:
    from leaven.models import load

    base = load.base(json.loads(described), path, device_map)
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return model, tokenizer, load.stop_ids(tokenizer, model.generation_config)
