"""The Alignment Handbook's files: the published configuration read whole, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.registry import TRAINERS
from leaven.study.handbook import handbook

PUBLISHED: dict[str, Any] = {
    "model_name_or_path": "meta-llama/Llama-3.1-8B", "torch_dtype": "bfloat16",
    "attn_implementation": "flash_attention_2", "dataset_mixer": {"nkulka29/HH-RLHF-Chosen": 1.0},
    "dataset_splits": ["train_sft", "test_sft"], "preprocessing_num_workers": 12, "bf16": True,
    "evaluation_strategy": "epoch", "gradient_accumulation_steps": 1, "gradient_checkpointing": True,
    "gradient_checkpointing_kwargs": {"use_reentrant": False}, "hub_model_id": "somebody/a-model",
    "hub_strategy": "every_save", "learning_rate": 2.0e-05, "log_level": "info", "logging_steps": 5,
    "logging_strategy": "steps", "lr_scheduler_type": "cosine", "max_seq_length": 2048, "max_steps": -1,
    "num_train_epochs": 2, "output_dir": "data/a-model", "overwrite_output_dir": True,
    "per_device_eval_batch_size": 8, "per_device_train_batch_size": 16, "push_to_hub": True,
    "remove_unused_columns": True, "report_to": ["tensorboard"], "save_strategy": "steps", "save_steps": 100,
    "save_total_limit": 1, "seed": 42, "warmup_ratio": 0.1,
}  # fmt: skip


def test_the_published_file_is_read_whole_and_sft_takes_it() -> None:
    found = handbook(PUBLISHED)
    assert not found.refused
    assert found.sft == {
        "completion_only_loss": False, "truncation": True, "train_sampling_strategy": "random", "bf16": True,
        "gradient_accumulation_steps": 1, "activation_checkpointing": True, "learning_rate": 2e-5, "logging_steps": 5,
        "lr_scheduler_type": "cosine", "max_length": 2048, "max_steps": -1, "num_train_epochs": 2,
        "per_device_train_batch_size": 16, "report_to": ["tensorboard"], "warmup_steps": 0.1, "save_steps": 100,
    }  # fmt: skip
    declared = TRAINERS.get("sft").canonical(found.sft)["args"]
    assert "logging_steps" not in declared and "save_steps" not in declared, "how it is shown enters no key"
    assert found.model == {
        "model_name_or_path": "meta-llama/Llama-3.1-8B", "dtype": "bfloat16", "attn_implementation": "flash_attention_2"
    }  # fmt: skip
    assert (found.mixer, found.splits, found.seeds) == (
        {"nkulka29/HH-RLHF-Chosen": 1.0}, ["train_sft", "test_sft"], [42]
    )  # fmt: skip
    told = " ".join(found.notes)
    assert "leaven push" in told and "held-out split" in told and "gradient_accumulation_steps: n" in told


def test_every_published_key_may_stand_alone() -> None:
    for key, value in PUBLISHED.items():
        assert key not in handbook({key: value}).refused


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ({"packing": True}, "packing", "one by one"),
        ({"load_in_4bit": True}, "load_in_4bit", "precision"),
        ({"learning_rates": 1}, "learning_rates", "did you mean 'learning_rate'? If not, take it out"),
        ({"frobnicate": 1}, "frobnicate", "known here; take it out"),
        ({3: 1}, 3, "no key"),
        ({"dataset_mixer": {"a": -1}}, "dataset_mixer", "above 0"),
        ({"dataset_splits": "train"}, "dataset_splits", "list"),
        ({"seed": "x"}, "seed", "'x' is no whole number"),
        ({"logging_strategy": "epoch"}, "logging_strategy", "write steps"),
        ({"warmup_ratio": 3}, "warmup_ratio", "between 0 and 1"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(changed: dict[str, Any], key: str, said: str) -> None:
    assert said in handbook(changed).refused[key]


def test_a_published_adapter_is_read() -> None:
    lora = {"lora_r": 64, "lora_alpha": 16, "lora_dropout": 0.1, "lora_target_modules": ["q_proj", "v_proj"]}
    assert "peft" not in handbook(lora).sft, "the Handbook reads them where use_peft says so"
    assert handbook({"use_peft": True, **lora}).sft["peft"] == {
        "r": 64, "lora_alpha": 16, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]
    }  # fmt: skip


def test_steps_of_warmup_go_before_a_share_of_them() -> None:
    assert handbook({"warmup_steps": 20, "warmup_ratio": 0.1}).sft["warmup_steps"] == 20
    assert handbook({"warmup_steps": 0, "warmup_ratio": 0.1}).sft["warmup_steps"] == 0.1
