"""Launches as studies declare them, and accelerate's files: every key honoured or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaven.errors import StudyError
from leaven.study.launch import Launch, accelerate, around

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
        ({"num_processes": "many"}, "num_processes", "number from 1"),
        ({"distributed_type": "MEGATRON_LM"}, "distributed_type", "not offered"),
        ({"deepspeed_config": [3]}, "deepspeed_config", "maps names"),
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
    with pytest.raises(StudyError, match="cannot be read"):
        around(Launch(config="b.yaml"), tmp_path)
