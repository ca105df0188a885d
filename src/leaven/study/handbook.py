"""The Alignment Handbook's kind of files, read: every key becomes ours, is circumstance, or is refused by name.

A key that the file leaves out means what the Handbook's script makes of it: its trainer reads whole texts, cuts what is
too long, and takes rows in random order, so that is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leaven.study.names import brief, foreign


@dataclass
class Handbook:
    """What a file says: arguments of ``sft``, of ``model``, data sets with weights and splits, and the seeds.

    ``notes`` say what a person should know, ``refused`` maps each key that is not honoured to why, and what to write.
    """

    sft: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    mixer: dict[str, float] = field(default_factory=dict)
    splits: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


_SILENT: dict[str, Any] = {"completion_only_loss": False, "truncation": True, "train_sampling_strategy": "random"}


def handbook(config: Mapping[str, Any]) -> Handbook:
    """Read a configuration of the Alignment Handbook's SFT script; ``sft`` itself checks values of its arguments."""
    found = Handbook(sft=dict(_SILENT))
    for key, value in config.items():
        if key in _SAME:
            found.sft[_SAME[key]] = value
        elif key in _MODEL:
            found.model[_MODEL[key]] = value
        elif key in _READ:
            _READ[key](found, value)
        elif key not in _AROUND:
            found.refused[key] = foreign(key, [*_SAME, *_MODEL, *_READ, *_AROUND], "the Alignment Handbook's")
    _warmup(config, found)
    _lora(config, found)
    if "per_device_train_batch_size" in config:
        found.notes.append(
            "per_device_train_batch_size: a step is of all processes together here; of n processes the Handbook's has "
            "n times as many rows: write gradient_accumulation_steps: n beside config for that"
        )
    return found


_SAME = {
    name: name
    for name in (
        "learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
        "lr_scheduler_type", "weight_decay", "max_grad_norm", "optim", "adam_beta1", "adam_beta2", "adam_epsilon",
        "label_smoothing_factor", "neftune_noise_alpha", "bf16", "fp16", "report_to", "logging_steps", "max_length",
        "completion_only_loss", "assistant_only_loss",
    )
} | {"gradient_checkpointing": "activation_checkpointing", "max_seq_length": "max_length"}  # fmt: skip

_MODEL = {"model_name_or_path": "model_name_or_path", "model_revision": "revision", "torch_dtype": "dtype",
          "dtype": "dtype", "attn_implementation": "attn_implementation", "trust_remote_code": "trust_remote_code",
          "chat_template": "chat_template"}  # fmt: skip

# How or where the work is done and shown: nothing of it changes the weights, and the run says it in its own way.
_AROUND = frozenset({
    "output_dir", "overwrite_output_dir", "run_name", "logging_dir", "logging_first_step", "log_level",
    "log_level_replica", "preprocessing_num_workers", "dataset_num_proc", "dataloader_num_workers",
    "dataloader_pin_memory", "remove_unused_columns", "gradient_checkpointing_kwargs", "do_train", "disable_tqdm",
    "per_device_eval_batch_size", "ddp_timeout", "overwrite_cache", "hub_model_id", "hub_strategy", "hub_private_repo",
    "hub_token", "warmup_ratio", "warmup_steps", "use_peft", "lora_r", "lora_alpha", "lora_dropout",
    "lora_target_modules", "save_steps", "use_cache", "lora_task_type",
})  # fmt: skip

Reader = Callable[[Handbook, Any], None]


def _only(key: str, *admitted: Any, why: str) -> Reader:
    """Return a reader that refuses a key unless its value is one of these; ``why`` is the reason and the remedy."""

    def read(found: Handbook, value: Any) -> None:
        if value is not None and value not in admitted:
            found.refused[key] = f"{value}: {why}"

    return read


def _noted(key: str, said: str, *silent: Any) -> Reader:
    """Return a reader that says a word about a key unless its value is one of these."""

    def read(found: Handbook, value: Any) -> None:
        if value is not None and value not in silent:
            found.notes.append(f"{key} {value}: {said}")

    return read


def _mixer(found: Handbook, value: Any) -> None:
    if isinstance(value, Mapping) and all(_is_number(weight) and 0 < weight <= 1 for weight in value.values()):
        found.mixer = {str(name): float(weight) for name, weight in value.items()}
    else:
        found.refused["dataset_mixer"] = f"{brief(value)}: map each data set to a weight above 0, at most 1"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _splits(found: Handbook, value: Any) -> None:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        found.splits = list(value)
    else:
        found.refused["dataset_splits"] = f"{brief(value)}: list splits' names, such as [train_sft, test_sft]"


def _seed(found: Handbook, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        found.seeds = [value]
    else:
        found.refused["seed"] = f"{brief(value)} is no whole number from 0 on"


def _grouped(found: Handbook, value: Any) -> None:
    found.sft["train_sampling_strategy"] = "group_by_length" if value else "random"


def _flash(found: Handbook, value: Any) -> None:
    if value:
        found.model.setdefault("attn_implementation", "flash_attention_2")


def _saved(found: Handbook, value: Any) -> None:
    if value != "steps":
        found.notes.append(f"save_strategy {value}: a checkpoint is written once a minute, and the last one kept")


_EVALUATED = "texts of a held-out split are measured by the study: add a suite (perplexity) or the trainer's eval data"
_QUANTISED = "weights are trained in the precision they are loaded in; take it out"
_READ: dict[str, Reader] = {
    "dataset_mixer": _mixer,
    "dataset_splits": _splits,
    "seed": _seed,
    "group_by_length": _grouped,
    "use_flash_attention_2": _flash,
    "save_strategy": _saved,
    "save_total_limit": _noted("save_total_limit", "one checkpoint is kept", 1),
    "logging_strategy": _only("logging_strategy", "steps", why="curves are logged by steps; write steps"),
    "evaluation_strategy": _noted("evaluation_strategy", _EVALUATED, "no", False),
    "eval_strategy": _noted("eval_strategy", _EVALUATED, "no", False),
    "do_eval": _noted("do_eval", _EVALUATED, False),
    "eval_steps": _only("eval_steps", why="measuring is per epoch or at the end; take it out"),
    "push_to_hub": _noted("push_to_hub", "nothing is uploaded by a training; use `leaven push`", False),
    "packing": _only("packing", False, why="rows are trained one by one; set packing to false"),
    "tf32": _only("tf32", False, why="changes results and is not offered; take it out"),
    "load_in_4bit": _only("load_in_4bit", False, why=_QUANTISED),
    "load_in_8bit": _only("load_in_8bit", False, why=_QUANTISED),
    "dataset_configs": _only("dataset_configs", why="name each data set with its config under `data`"),
    "text_column": _only("text_column", "text", why="name the column in the data's format"),
    "auto_insert_empty_system_msg": _only("auto_insert_empty_system_msg", False,
                                          why="write it into the template (model.chat_template)"),
    "lora_modules_to_save": _only("lora_modules_to_save", why="adapters alone are trained; take it out"),
    "max_eval_samples": _only("max_eval_samples", why="say `take` of the data that is evaluated on"),
    "max_train_samples": _only("max_train_samples", why="say `take` of the data"),
}  # fmt: skip


def _warmup(config: Mapping[str, Any], found: Handbook) -> None:
    """``warmup_steps`` where it is above 0, else ``warmup_ratio``: as transformers has it."""
    steps, ratio = config.get("warmup_steps"), config.get("warmup_ratio")
    if steps:
        found.sft["warmup_steps"] = steps
    elif ratio and _is_number(ratio) and 0 < ratio < 1:
        found.sft["warmup_steps"] = ratio
    elif ratio:
        found.refused["warmup_ratio"] = f"{ratio}: a share of all steps lies between 0 and 1"
    if config.get("save_strategy", "steps") == "steps" and config.get("save_steps") is not None:
        found.sft["save_steps"] = config["save_steps"]


_LORA = {"lora_r": "r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
         "lora_target_modules": "target_modules"}  # fmt: skip


def _lora(config: Mapping[str, Any], found: Handbook) -> None:
    """LoRA's keys are read where ``use_peft`` says so, as the Handbook does; what it leaves out is PEFT's of TRL."""
    if config.get("use_peft") is not True:
        return
    silent = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": "all-linear"}
    said = {ours: config[theirs] for theirs, ours in _LORA.items() if config.get(theirs) is not None}
    found.sft["peft"] = {**silent, **said}
