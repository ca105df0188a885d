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
    """Return what a training takes; ``around`` are its settings that cannot change the result.

    A ``launch`` among them with several processes has a core (and on a machine with GPUs a GPU) for each.
    """
    launch = around.get("launch") or {}
    processes = int(launch.get("processes") or 1)
    each = {**settings, **_share(settings, processes), **_length(settings)}
    takes = _computing(base, footprint.training(shape, each) if shape else None, _TRAINING_KNOBS)
    by_epochs = settings["max_steps"] < 0 and settings.get("num_train_tokens") is None
    work = settings["num_train_epochs"] if by_epochs else takes.work
    takes = replace(takes, gpu=takes.gpu or settings["fp16"], work=work, around={**takes.around, **around})
    if launch.get("preset") in _ON_GPUS:
        takes = replace(takes, gpu=True, gpus="all")
    return takes if processes == 1 else _together(takes, processes, whole=launch.get("preset") == "ddp")


_ON_GPUS = ("fsdp2", "device_map")  # what computes on GPUs alone


def _share(settings: Mapping[str, Any], processes: int) -> dict[str, int]:
    """Return how many rows each process has at once: no more than one process would have."""
    batch = settings["per_device_train_batch_size"]
    step = batch * settings["gradient_accumulation_steps"]
    return {"per_device_train_batch_size": max(1, min(batch, step // processes))}


def _length(settings: Mapping[str, Any]) -> dict[str, int]:
    """Return how long a row is at most; where answers are sampled, a prompt is taken to be as long as its answer."""
    sampled = settings.get("max_completion_length")
    return {} if sampled is None else {"max_length": 2 * sampled}


def _together(takes: Needs, processes: int, *, whole: bool) -> Needs:
    """Return what several processes take: a core each where a tiny model trains, every GPU, the memory of all.

    ``whole``: each process has all of the model and of the optimiser's state; else what is certain is one share each.
    """
    times = processes if whole or not takes.gpu else 1
    return replace(
        takes,
        cores=None if takes.cores is None else takes.cores * processes,
        gpus="all",
        memory_mb=None if takes.memory_mb is None else takes.memory_mb * times,
        least_mb=None if takes.least_mb is None else takes.least_mb * times,
        weights_mb=takes.weights_mb * processes,
    )


def answering(base: ref.Base, shape: footprint.Shape | None, beams: int = 1) -> Needs:
    """Return what it takes to answer with a model, or to read with it; each beam is a row of its own."""
    needed = footprint.answering(shape, _ROWS_AT_ONCE * beams, _TOKENS_AT_ONCE * beams) if shape else None
    return _computing(base, needed, "load with model.dtype: bfloat16")


def _paths(base: ref.Base) -> dict[str, str]:
    return {"base": base.path} if base.path else {}
