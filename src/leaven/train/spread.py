"""A training in several processes, as each of them knows it: how many there are, which one it is, who holds what.

A preset says what the model is wrapped in and what transformers is told for that. It is circumstance: every preset
trains the same rows in the same steps, so that losses differ by rounding alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from leaven.errors import ModelError, did_you_mean

GATHERS = "stage3_gather_16bit_weights_on_model_save"
_ALONE = ("single", "device_map")  # what has one process


@dataclass(frozen=True)
class Preset:
    """What a model is wrapped in (a class's name), and the arguments of transformers that say so.

    ``shards``: no process holds whole weights while it trains. ``stage`` is DeepSpeed's.
    """

    name: str
    wraps: str | None = None
    stage: int | None = None
    needs_gpu: bool = False
    shards: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether one process trains, the one that asks."""
        return self.name in _ALONE

    @property
    def deepspeed(self) -> dict[str, Any] | None:
        """DeepSpeed's configuration, if it is what shares the model."""
        found: dict[str, Any] | None = self.arguments.get("deepspeed")
        return found


def preset(name: str, zero: Mapping[str, Any] | None = None, fsdp: Mapping[str, Any] | None = None) -> Preset:
    """Return a shipped preset; ``zero`` and ``fsdp`` are laid over what it says of ``zero_optimization`` and FSDP.

    Raises ModelError if it would end without whole weights.
    """
    folder = resources.files("leaven.train") / "presets"
    known = sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))
    if name not in known:
        raise ModelError(f"launch: there is no preset '{name}'; {did_you_mean(name, known)}")
    told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if zero and "deepspeed" in told["arguments"]:
        told["arguments"]["deepspeed"]["zero_optimization"].update(zero)
    if fsdp and "fsdp_config" in told["arguments"]:
        told["arguments"]["fsdp_config"].update(fsdp)
    made = Preset(name, **told)
    if made.stage == 3 and not made.arguments["deepspeed"]["zero_optimization"].get(GATHERS):
        raise ModelError(
            f"launch: without {GATHERS} (accelerate's zero3_save_16bit_model) ZeRO-3 leaves no whole weights, and "
            "what is saved would be empty; set it to true"
        )
    return made


@dataclass(frozen=True)
class Spread:
    """One process (``rank``) of a training in several; ``dtype`` is the precision of the model's own weights."""

    preset: Preset
    processes: int
    rank: int
    dtype: str = "float32"

    @property
    def first(self) -> bool:
        """Whether this is the process that reports and saves."""
        return self.rank == 0

    @property
    def described(self) -> str:
        """How this training is spread, in a few words."""
        return f"{self.preset.name} x {self.processes}"

    @property
    def sharded(self) -> str:
        """What a checkpoint depends on: how the weights are cut, nothing where each process has them whole."""
        return self.described if self.preset.deepspeed or self.preset.shards else ""

    def agreed(self, value: Any) -> Any:
        """Return what the first process says, in all of them."""
        import torch.distributed as dist

        said = [value if self.first else None]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def summed(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the sums of every process's counts, in all of them."""
        import torch.distributed as dist

        told: list[Any] = [None] * self.processes
        dist.all_gather_object(told, dict(counts))
        return {name: sum(one[name] for one in told) for name in counts}

    def wait(self) -> None:
        """Wait until every process is here."""
        self.agreed(None)
        self.summed({})


class Gave(BaseException):
    """Ends a process that is not the first: it has given its share of the weights, and the first one goes on alone.

    No error, so no ``except Exception`` may stop it.
    """


def arguments(spread: Spread | None, given: Mapping[str, Any], *, by_rows: bool = False) -> dict[str, Any]:
    """Return transformers' arguments for one process, of those that the study declares for all of them together.

    ``by_rows``: a loss is the mean over the rows of a batch (of pairs), so each batch is shared; else over the tokens
    of a whole step. Raises ModelError if the processes cannot share a step.
    """
    import torch

    gpu = torch.cuda.is_available()
    if spread is None:
        return {"use_cpu": not gpu, **given}
    if by_rows and spread.preset.shards:
        raise ModelError(
            f"launch: {spread.preset.name} cuts the model into shards, and a training on pairs asks it for whole "
            "before its first step; launch it by ddp or zero2"
        )
    shares = shared(given["per_device_train_batch_size"], given["gradient_accumulation_steps"], spread.processes,
                    by_rows=by_rows)  # fmt: skip
    zero = spread.preset.deepspeed is not None
    # DeepSpeed takes its devices itself: to be told to use the CPU would turn it into DDP, silently.
    on_cpu = {"accelerator_config": {"use_configured_state": True}} if zero else {"ddp_backend": "gloo"}
    placed = {"use_cpu": not gpu and not zero, **({} if gpu else on_cpu)}
    return {**placed, **given, **shares, **_of_preset(spread, given)}


def shared(batch: int, accumulated: int, processes: int, *, by_rows: bool = False) -> dict[str, int]:
    """Return how a step of ``batch * accumulated`` rows is split: rows of a process at once, and how often a step.

    At once go as many as one process would take, or the most below that come out even. Raises ModelError.
    """
    step = batch * accumulated
    if step % processes or (by_rows and batch % processes):
        what = f"per_device_train_batch_size {batch}" + ("" if by_rows else f" x gradient_accumulation_steps "
                                                         f"{accumulated} = {step} rows a step")  # fmt: skip
        raise ModelError(f"launch: {what} cannot be shared by {processes} processes; make it a multiple of {processes}")
    if by_rows:
        return {"per_device_train_batch_size": batch // processes, "gradient_accumulation_steps": accumulated}
    share = step // processes
    most = max(size for size in range(1, min(batch, share) + 1) if share % size == 0)
    return {"per_device_train_batch_size": most, "gradient_accumulation_steps": share // most}


def _of_preset(spread: Spread, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the preset adds; DeepSpeed computes in the precision that one process would, weights kept as loaded.

    transformers' ``bf16`` would have DeepSpeed cast float32 weights to 16 bits, where one process only computes so.
    """
    told = json.loads(json.dumps(dict(spread.preset.arguments)))
    if (config := spread.preset.deepspeed) is None:
        return dict(told)
    if given.get("fp16") or spread.dtype == "float16":
        raise ModelError("launch: fp16 is not trained under ZeRO here; set bf16, or launch by ddp")
    halves = spread.dtype == "bfloat16"
    autocast = {"torch_autocast": {"enabled": True, "dtype": "bfloat16"}} if given.get("bf16") and not halves else {}
    told["deepspeed"] = {**told["deepspeed"], "bf16": {"enabled": halves}, "fp16": {"enabled": False}, **autocast}
    assert config is not None
    return {**told, "bf16": halves, "fp16": False}
