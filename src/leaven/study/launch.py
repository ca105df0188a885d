"""How trainings are started: in how many processes, and by what they share a model. Circumstance: it enters no key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from leaven.errors import Problem, StudyError
from leaven.registry import Count, Declared
from leaven.study.names import brief, foreign

Preset = Literal["single", "ddp", "zero2", "zero3", "fsdp2", "device_map"]
_ALONE = ("single", "device_map")


class Launch(Declared):
    """A shipped ``preset`` and its number of ``processes``, or ``config``: a file of accelerate.

    ``per_device_train_batch_size`` x ``gradient_accumulation_steps`` of a training is a step of all processes together.
    """

    preset: Preset | None = None
    processes: Count | None = None
    config: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Launch:
        if (self.preset is None) is (self.config is None):
            raise ValueError("name a `preset`, or a `config` (a file of accelerate), and not both")
        if self.config is not None and self.processes is not None:
            raise ValueError("a `config` says itself how many processes there are; take `processes` out")
        if self.preset in _ALONE and (self.processes or 1) > 1:
            raise ValueError(f"preset {self.preset} has one process, not {self.processes}; take `processes` out")
        if self.preset is not None and self.preset not in _ALONE and self.processes is None:
            raise ValueError(f"preset {self.preset} trains in several processes; say how many, as `processes`")
        return self


@dataclass
class Read:
    """What a file of accelerate says: a launch as trainings are told it, what is worth a word, and what is refused."""

    launch: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # key -> reason and remedy


def around(launch: Launch, folder: Path, place: str = "launch.config") -> dict[str, Any]:
    """Return what each training is told as ``around["launch"]``; a ``config`` lies relative to ``folder``.

    Raises StudyError with every key of the file that is refused; ``place`` is where the study names it.
    """
    if launch.config is None:
        return {"preset": launch.preset, "processes": launch.processes or 1}
    from leaven.study.load import read_named

    said, places = read_named(folder / launch.config, place)
    found = accelerate(said)
    if found.refused:
        raise StudyError([Problem(places.of(key.split(".")), why) for key, why in found.refused.items()])
    return found.launch


def accelerate(config: Mapping[str, Any]) -> Read:
    """Read a configuration of ``accelerate launch``: every key is honoured, needs nothing, or is refused by name."""
    found = Read()
    for key, value in config.items():
        if key not in _KEYS:
            found.refused[key] = foreign(key, _KEYS, "accelerate's")
        elif (why := _KEYS[key](value)) is not None:
            found.refused[key] = why
    kind = config.get("distributed_type", "NO")
    if kind == "DEEPSPEED":
        _deepspeed(_mapping(config, "deepspeed_config", found), found)
    elif kind == "FSDP":
        _fsdp(_mapping(config, "fsdp_config", found), found)
    else:
        found.launch["preset"] = "single" if kind == "NO" else "ddp"
    if kind == "DEEPSPEED" and config.get("use_cpu"):
        found.refused["use_cpu"] = "would turn ZeRO into DDP, silently; set it to false: without a GPU the CPU is used"
    processes = config.get("num_processes", 1)
    found.launch["processes"] = processes if _counted(processes) is None else 1
    if found.launch.get("preset") == "single" and found.launch["processes"] > 1:
        found.refused["num_processes"] = f"{processes}: distributed_type NO has one process; set it to MULTI_GPU"
    if (precision := config.get("mixed_precision")) not in (None, False, "no"):
        found.launch["mixed_precision"] = precision
    return found


def _mapping(config: Mapping[str, Any], key: str, found: Read) -> Mapping[str, Any]:
    value = config.get(key) or {}
    if isinstance(value, Mapping):
        return value
    found.refused[key] = f"{brief(value)} is no mapping of names to values"
    return {}


Check = Callable[[Any], str | None]


def _anything(_: Any) -> None:
    return None


def _one_of(*admitted: Any, why: str) -> Check:
    """Return a check that admits these values, and null; ``why`` is the reason against others, and what to write."""
    return lambda value: None if value is None or value in admitted else f"{value}: {why}"


def _counted(value: Any) -> str | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return None if sound else f"{brief(value)} is no whole number from 1 on"


_ONE_MACHINE = _one_of(0, 1, why="trainings start on one machine here; set num_machines to 1")
_HERE = _one_of(why="processes meet on this machine's loopback; take it out")
_NO_TPU = _one_of(False, [], "no", why="TPUs are not trained on here; take it out")
_KEYS: dict[str, Check] = {
    "compute_environment": _one_of("LOCAL_MACHINE", why="trainings start on this machine; write LOCAL_MACHINE"),
    "distributed_type": _one_of("NO", "MULTI_GPU", "MULTI_CPU", "DEEPSPEED", "FSDP",
                                why="is not offered; use MULTI_GPU, DEEPSPEED or FSDP"),
    "num_processes": _counted,
    "mixed_precision": _one_of("no", "bf16", "fp16", False, why="is not offered; use bf16, fp16 or no"),
    "num_machines": _ONE_MACHINE,
    "machine_rank": _one_of(0, why="trainings start on one machine here; set it to 0"),
    "main_process_ip": _HERE, "main_process_port": _HERE,
    "gpu_ids": _one_of("all", why="show the run its GPUs by CUDA_VISIBLE_DEVICES, and write all"),
    "use_cpu": _anything, "debug": _anything, "same_network": _anything, "main_training_function": _anything,
    "rdzv_backend": _anything, "deepspeed_config": _anything, "fsdp_config": _anything,
    "enable_cpu_affinity": _one_of(False, why="is not offered; set it to false"),
    "downcast_bf16": _NO_TPU, "tpu_env": _NO_TPU, "tpu_use_cluster": _NO_TPU, "tpu_use_sudo": _NO_TPU,
    "dynamo_config": _one_of({}, why="models are not compiled here; take it out"),
}  # fmt: skip

_MINE = "belongs to the training, since it changes results; say it there as {0}, and take it out here"
_OFFLOAD = _one_of("none", why="weights and their moments stay where they are trained; write none")
_ZERO: dict[str, Check] = {
    "zero_stage": _one_of(2, 3, why="is not offered; use 2 or 3"),
    "zero3_init_flag": _anything,
    "zero3_save_16bit_model": _one_of(True, why="what is saved would be empty; set it to true"),
    "offload_optimizer_device": _OFFLOAD, "offload_param_device": _OFFLOAD,
    "deepspeed_multinode_launcher": _one_of("standard", why="trainings start on one machine here; write standard"),
    "gradient_accumulation_steps": _one_of("auto", why=_MINE.format("gradient_accumulation_steps")),
    "gradient_clipping": _one_of("auto", why=_MINE.format("max_grad_norm")),
    "deepspeed_config_file": _one_of(why="DeepSpeed's own file is not read; write zero_stage instead"),
}  # fmt: skip


def _deepspeed(config: Mapping[str, Any], found: Read) -> None:
    _examine("deepspeed_config", config, _ZERO, found)
    stage = config.get("zero_stage", 2)
    found.launch["preset"] = f"zero{stage}"
    if stage == 3 and config.get("zero3_save_16bit_model") is not True:
        found.refused["deepspeed_config.zero3_save_16bit_model"] = "what is saved would be empty; set it to true"
    if config.get("zero3_init_flag"):
        found.notes.append("zero3_init_flag: each process loads the weights whole, then they are cut")


_NEUTRAL = _anything  # says how, and cannot change what comes out
_FSDP: dict[str, Check] = {
    "fsdp_version": _NEUTRAL,
    "fsdp_auto_wrap_policy": _one_of("TRANSFORMER_BASED_WRAP", why="is not offered; write TRANSFORMER_BASED_WRAP"),
    "fsdp_transformer_layer_cls_to_wrap": _NEUTRAL, "fsdp_reshard_after_forward": _NEUTRAL,
    "fsdp_sharding_strategy": _one_of(1, 2, "FULL_SHARD", "SHARD_GRAD_OP",
                                      why="is not offered; use FULL_SHARD or SHARD_GRAD_OP"),
    "fsdp_offload_params": _one_of(False, why="weights stay where they are trained; set it to false"),
    "fsdp_activation_checkpointing": _one_of(False, why="say activation_checkpointing in the training instead"),
    "fsdp_state_dict_type": _NEUTRAL, "fsdp_cpu_ram_efficient_loading": _NEUTRAL, "fsdp_sync_module_states": _NEUTRAL,
    "fsdp_use_orig_params": _NEUTRAL, "fsdp_backward_prefetch": _NEUTRAL, "fsdp_backward_prefetch_policy": _NEUTRAL,
    "fsdp_forward_prefetch": _NEUTRAL,
}  # fmt: skip


def _fsdp(config: Mapping[str, Any], found: Read) -> None:
    _examine("fsdp_config", config, _FSDP, found)
    found.launch["preset"] = "fsdp2"
    over: dict[str, Any] = {}
    if (layer := config.get("fsdp_transformer_layer_cls_to_wrap")) is not None:
        over["transformer_layer_cls_to_wrap"] = layer.split(",") if isinstance(layer, str) else layer
    keeps = config.get("fsdp_sharding_strategy") in (2, "SHARD_GRAD_OP")
    if keeps or config.get("fsdp_reshard_after_forward") is False:
        over["reshard_after_forward"] = False
    if over:
        found.launch["fsdp"] = over
    if config.get("fsdp_version") != 2:
        found.notes.append("fsdp_config: trained by FSDP2, which has the same result")


def _examine(where: str, config: Any, checks: Mapping[str, Check], found: Read) -> None:
    for key, value in config.items():
        why = checks[key](value) if key in checks else foreign(key, checks, "accelerate's")
        if why is not None:
            found.refused[f"{where}.{key}"] = why
