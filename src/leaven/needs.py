"""What stages take: cores, a GPU, memory, and the places of what lies outside the store. None of it reaches a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from leaven.engine.stage import Needs
from leaven.models import footprint, ref

ONE_CORE = Needs(cores=1)

_TINY_BYTES = 20_000_000
_ROWS_AT_ONCE, _TOKENS_AT_ONCE = 64, 64 * 512  # as `generate.hf` batches
_TRAINING_KNOBS = (
    "lower per_device_train_batch_size (raise gradient_accumulation_steps by as much) or max_length, set "
    "activation_checkpointing, train with peft, or load with model.dtype: bfloat16"
)


def reading(base: ref.Base) -> Needs:
    """What it takes to read with a base's tokenizer."""
    return Needs(cores=1, like=base.identity, paths=_paths(base))


def _computing(base: ref.Base, needed: footprint.Footprint | None, knobs: str) -> Needs:
    """Threads and a GPU cost a tiny model more than they bring (docs/decisions/003)."""
    size = base.weight_bytes
    tiny = size is not None and size < _TINY_BYTES
    around = {"device_map": base.device_map} if base.device_map else {}
    gpus: Literal["one", "all"] = "all" if base.device_map else "one"
    takes = Needs(
        cores=1 if tiny else None, gpu=not tiny, gpus=gpus, knobs=knobs, like=base.identity, paths=_paths(base),
        around=around,
    )  # fmt: skip
    if needed is None:
        return takes
    return replace(takes, memory_mb=needed.likely, least_mb=needed.least, weights_mb=needed.weights)


def training(
    base: ref.Base, shape: footprint.Shape | None, settings: dict[str, Any], around: Mapping[str, Any]
) -> Needs:
    """Return what a training takes; ``around`` are its settings that cannot change the result."""
    takes = _computing(base, footprint.training(shape, settings) if shape else None, _TRAINING_KNOBS)
    by_epochs = settings["max_steps"] < 0 and settings.get("num_train_tokens") is None
    work = settings["num_train_epochs"] if by_epochs else takes.work
    return replace(takes, gpu=takes.gpu or settings["fp16"], work=work, around={**takes.around, **around})


def answering(base: ref.Base, shape: footprint.Shape | None, beams: int = 1) -> Needs:
    """Return what it takes to answer with a model, or to read with it; each beam is a row of its own."""
    needed = footprint.answering(shape, _ROWS_AT_ONCE * beams, _TOKENS_AT_ONCE * beams) if shape else None
    return _computing(base, needed, "load with model.dtype: bfloat16")


def _paths(base: ref.Base) -> dict[str, str]:
    return {"base": base.path} if base.path else {}
