"""Launches as studies declare them, and accelerate's files: every key honoured or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaven.errors import StudyError
from leaven.study.launch import Launch, accelerate, around
from leaven.study.load import Places
from leaven.study.validate import problems

ZERO3: dict[str, Any] = {  # as the Alignment Handbook publishes it
    "compute_environment": "LOCAL_MACHINE", "debug": False,
    "deepspeed_config": {
        "deepspeed_multinode_launcher": "standard", "offload_optimizer_device": "none", "offload_param_device": "none",
        "zero3_init_flag": True, "zero3_save_16bit_model": True, "zero_stage": 3,
    },
    "distributed_type": "DEEPSPEED", "downcast_bf16": "no", "machine_rank": 0, "main_training_function": "main",
    "mixed_precision": "bf16", "num_machines": 1, "num_processes": 8, "rdzv_backend": "static", "same_network": True,
    "tpu_env": [], "tpu_use_cluster": False, "tpu_use_sudo": False, "use_cpu": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, "name a `preset`, or a `config`"),
        ({"preset": "ddp", "config": "a.yaml"}, "not both"),
        ({"preset": "ddp"}, "say how many"),
        ({"preset": "ddp", "processes": 0}, "greater than or equal to 1"),
        ({"preset": "single", "processes": 2}, "preset single has one process, not 2"),
        ({"config": "a.yaml", "processes": 2}, "take `processes` out"),
        ({"preset": "zero4", "processes": 2}, "zero3"),
    ],
)
def test_a_launch_that_makes_no_sense_is_refused(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Launch.model_validate(declared)


def test_a_preset_is_what_trainings_are_told(tmp_path: Path) -> None:
    assert around(Launch(preset="zero3", processes=4), tmp_path) == {"preset": "zero3", "processes": 4}
    assert around(Launch(preset="device_map"), tmp_path) == {"preset": "device_map", "processes": 1}


def test_the_published_zero3_file_is_read_whole() -> None:
    found = accelerate(ZERO3)
    assert found.launch == {"preset": "zero3", "processes": 8, "mixed_precision": "bf16"} and not found.refused


def test_the_published_fsdp_file_is_read_whole() -> None:
    fsdp = {
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP", "fsdp_backward_prefetch": "BACKWARD_PRE",
        "fsdp_forward_prefetch": False, "fsdp_offload_params": False, "fsdp_sharding_strategy": "SHARD_GRAD_OP",
        "fsdp_state_dict_type": "SHARDED_STATE_DICT", "fsdp_sync_module_states": True, "fsdp_use_orig_params": True,
    }  # fmt: skip
    found = accelerate({"distributed_type": "FSDP", "num_processes": 2, "fsdp_config": fsdp})
    assert found.launch == {"preset": "fsdp2", "processes": 2, "fsdp": {"reshard_after_forward": False}}
    assert not found.refused and found.notes


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ({"num_machines": 2}, "num_machines", "on one machine"),
        ({"use_cpu": True}, "use_cpu", "turn ZeRO into DDP"),
        ({"what": 1}, "what", "no key of accelerate's"),
        ({"num_processes": "many"}, "num_processes", "'many' is no whole number from 1 on"),
        ({"num_proceses": 2}, "num_proceses", "did you mean 'num_processes'?"),
        ({"distributed_type": "MEGATRON_LM"}, "distributed_type", "not offered"),
        ({"deepspeed_config": [3]}, "deepspeed_config", "[3] is no mapping of names"),
        ({"deepspeed_config": {"zero_stage": 3}}, "deepspeed_config.zero3_save_16bit_model", "would be empty"),
        ({"deepspeed_config": {"zero_stage": 1}}, "deepspeed_config.zero_stage", "use 2 or 3"),
        (
            {"deepspeed_config": {"zero_stage": 2, "gradient_clipping": 0.3}},
            "deepspeed_config.gradient_clipping", "max_grad_norm",
        ),
        (
            {"deepspeed_config": {"zero_stage": 2, "offload_optimizer_device": "cpu"}},
            "deepspeed_config.offload_optimizer_device", "write none",
        ),
        ({"distributed_type": "NO"}, "num_processes", "MULTI_GPU"),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_refused_by_name(changed: dict[str, Any], key: str, said: str) -> None:
    assert said in accelerate({**ZERO3, **changed}).refused[key]


def test_a_file_is_found_beside_the_study_and_its_places_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("distributed_type: MULTI_GPU\nnum_processes: 2\nmain_process_port: 29500\n")
    with pytest.raises(StudyError, match=r"a\.yaml:3 main_process_port: 29500: processes meet on this machine"):
        around(Launch(config="a.yaml"), tmp_path)
    (tmp_path / "a.yaml").write_text("distributed_type: MULTI_GPU\nnum_processes: 2\n")
    assert around(Launch(config="a.yaml"), tmp_path) == {"preset": "ddp", "processes": 2}
    with pytest.raises(StudyError, match=r"^study\.yaml:9 launch\.config: '.*b\.yaml' cannot be read: No such file"):
        around(Launch(config="b.yaml"), tmp_path, "study.yaml:9 launch.config")


def faults(tmp_path: Path, config: str, step: dict[str, Any], **over: Any) -> list[str]:
    """What is said of a study whose file of accelerate is this, and which trains by this step."""
    (tmp_path / "acc.yaml").write_text(config)
    launch = over.pop("launch", {"config": str(tmp_path / "acc.yaml")})
    raw = {
        "name": "x", "launch": launch, "model": {"model_name_or_path": "pocket", **over},
        "data": {"shown": {"source": "pocket:webgpt", "format": "webgpt"},
                 "pairs": {"source": "pocket:hh", "format": "hh"},
                 "sentences": {"source": "pocket:pile", "format": "pile", "corpus": {"sources": ["moods"]}}},
        "arms": {"base": {"train": []}, "a": {}}, "train": [step], "compare": {"to": "base"},
        "evaluate": [{"generate": {"prompts": "shown", "metrics": ["length"]}}],
    }  # fmt: skip
    return [str(problem) for problem in problems(raw, Places())]


SFT = {"sft": {"data": "shown"}}
BF16 = "distributed_type: MULTI_CPU\nnum_processes: 2\nmixed_precision: bf16\n"


def test_a_precision_that_the_training_lacks_is_a_fault_of_the_study(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, BF16, SFT)
    assert found.startswith("launch.config: ") and "says mixed_precision bf16, and sft does not" in found
    assert "set bf16: true there (it changes results)" in found
    assert not faults(tmp_path, BF16, {"sft": {"data": "shown", "bf16": True}})
    assert not faults(tmp_path, BF16, SFT, dtype="bfloat16")
    assert not faults(tmp_path, BF16.replace("bf16", "no"), SFT)


def test_what_a_file_of_accelerate_starts_is_checked_as_a_preset_is(tmp_path: Path) -> None:
    zero3 = "distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 3, zero3_save_16bit_model: true}\nnum_processes: 2\n"
    dpo: dict[str, Any] = {"dpo": {"data": "pairs"}}
    assert "launch.config: zero3 cuts a model into shards, and dpo asks it for whole" in faults(tmp_path, zero3, dpo)[0]
    assert not faults(tmp_path, zero3, SFT)
    kept = {"lm": {"data": "sentences", "snapshots": [0.5]}}
    assert "snapshots of lm need whole weights" in faults(tmp_path, zero3, kept)[0]
    assert "zero3 does not train sft in fp16" in faults(tmp_path, zero3, {"sft": {"data": "shown", "fp16": True}})[0]
    odd = {"sft": {"data": "shown", "per_device_train_batch_size": 3, "gradient_accumulation_steps": 1}}
    assert "launch.config: a step of sft has 3 rows, which 2 processes cannot share" in faults(tmp_path, zero3, odd)[0]


def test_every_batch_of_pairs_is_shared(tmp_path: Path) -> None:
    pairs: dict[str, Any] = {"data": "pairs", "per_device_train_batch_size": 3, "gradient_accumulation_steps": 2}
    ddp = {"preset": "ddp", "processes": 2}
    (found,) = faults(tmp_path, "", {"dpo": pairs}, launch=ddp)
    assert found.startswith("launch.processes: a batch of dpo has 3 pairs, which 2 processes cannot share")
    assert not faults(tmp_path, "", {"sft": {**pairs, "data": "shown"}}, launch=ddp), "a step of 6 rows can be"


def test_what_depends_on_the_machine_is_no_fault_of_a_study(tmp_path: Path) -> None:
    for launch in ({"preset": "fsdp2", "processes": 8}, {"preset": "device_map"}):
        assert not faults(tmp_path, "", SFT, launch=launch)
