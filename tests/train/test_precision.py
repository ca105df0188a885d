"""What makes a training fit: mixed precision, accumulation, activation checkpointing; and what they must not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from leaven.errors import ModelError
from leaven.models import load, ref, rewarding
from leaven.train import reload, run
from leaven.train.devices import is_laid_out, prove_precision, show_gpus

Train = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.e2e  # trains many times


@pytest.fixture(autouse=True)
def _logged_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 3)


def furthest(one: Path, other: Path) -> float:
    pair = [load_file(place / "model.safetensors") for place in (one, other)]
    return max(float((pair[0][name] - pair[1][name]).abs().max()) for name in pair[0])


def test_accumulated_batches_train_as_whole_ones_do(train: Train, tmp_path: Path) -> None:
    whole = train(tmp_path / "a", per_device_train_batch_size=8, num_train_epochs=1)
    parts = train(tmp_path / "b", per_device_train_batch_size=2, gradient_accumulation_steps=4, num_train_epochs=1)
    assert whole["steps"] == parts["steps"] == 3
    assert whole["tokens_trained"] == parts["tokens_trained"]
    assert furthest(tmp_path / "a", tmp_path / "b") < 1e-4, "float noise: an update is up to 1e-3 a step"


@pytest.mark.parametrize("peft", [None, {"r": 4}])
def test_activation_checkpointing_changes_no_loss(train: Train, tmp_path: Path, peft: Any) -> None:
    plain = train(tmp_path / "a", peft=peft, num_train_epochs=1)
    saving = train(tmp_path / "b", activation_checkpointing=True, peft=peft, num_train_epochs=1)
    assert saving["final_loss"] == pytest.approx(plain["final_loss"], abs=1e-6)
    assert saving["final_loss"] < saving["first_loss"]


@pytest.mark.parametrize("peft", [None, {"r": 4}])
def test_bf16_trains_and_the_artefact_keeps_the_precision_of_its_base(train: Train, tmp_path: Path, peft: Any) -> None:
    exact = train(tmp_path / "a", peft=peft, num_train_epochs=1)
    mixed = train(tmp_path / "b", bf16=True, peft=peft, num_train_epochs=1)
    assert mixed["final_loss"] == pytest.approx(exact["final_loss"], rel=0.05)
    assert mixed["final_loss"] != exact["final_loss"], "computed in another precision"
    file = "adapter/adapter_model.safetensors" if peft else "model.safetensors"
    assert {value.dtype for value in load_file(tmp_path / "b" / file).values()} == {torch.float32}


def test_a_base_in_bfloat16_gives_an_artefact_in_bfloat16(train: Train, base: ref.Base, tmp_path: Path) -> None:
    facts = train(tmp_path / "a", of=replace(base, dtype="bfloat16"), bf16=True, num_train_epochs=1)
    assert facts["final_loss"] < facts["first_loss"]
    assert {value.dtype for value in load_file(tmp_path / "a" / "model.safetensors").values()} == {torch.bfloat16}


@pytest.mark.parametrize("peft", [None, {"r": 4}])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["dpo", "reward"])
def test_what_bf16_trained_on_preferences_is_the_same_after_it_was_loaded(
    prefer: Train, base: ref.Base, pairs: Dataset, tmp_path: Path, name: str, dtype: str, peft: Any
) -> None:
    """The autocast that accelerate puts around a model is none of the artefact's: its proofs are read without it."""
    of = replace(base, dtype=dtype)
    prefer(name, tmp_path / "a", of=of, bf16=True, peft=peft)
    read = rewarding.reward_model if name == "reward" else load.trained
    apart = reload.prove(tmp_path / "a", read(tmp_path / "a", Path(str(of.path)))[0], list(pairs))
    assert apart <= (1e-4 if dtype == "float32" else 1e-2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_fp16_without_a_gpu_is_one_clear_line(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fp16 needs a GPU, .*set bf16 or neither"):
        train(tmp_path / "a", fp16=True)


def test_precisions_that_cannot_work_are_refused(base: ref.Base, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load.causal_lm(replace(base, dtype="float16"))
    with pytest.raises(ModelError, match="set one of them"):
        prove_precision(model, bf16=True, fp16=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ModelError, match="set model.dtype: float32"):
        prove_precision(model, bf16=False, fp16=True)
    prove_precision(model.float(), bf16=False, fp16=True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    with pytest.raises(ModelError, match="set fp16 or neither"):
        prove_precision(model, bf16=True, fp16=False)


@pytest.mark.parametrize(
    ("places", "laid_out"),
    [(None, False), ({"": 0}, False), ({"a": 0, "b": "cpu"}, False), ({"a": 0, "b": 1}, True)],
)
def test_a_model_over_several_gpus_may_see_several(places: Any, laid_out: bool) -> None:
    model = torch.nn.Linear(2, 2)
    if places is not None:
        model.hf_device_map = places
    assert is_laid_out(model) is laid_out


@pytest.mark.parametrize(
    ("visible", "places", "counted"),
    [(1, None, 1), (2, None, "2 GPUs are visible"), (2, {"": 1}, 1), (2, {"a": 0, "b": 0}, 1),
     (2, {"a": 0, "b": 1}, 2), (2, {"a": 0, "b": "cpu"}, "2 GPUs are visible"), (2, {"": "cpu"}, "2 GPUs")],
)  # fmt: skip
def test_a_training_counts_the_gpus_that_its_model_lies_on(visible: int, places: Any, counted: int | str) -> None:
    from leaven.train.trainers.sft import config

    model, arguments = torch.nn.Linear(2, 2), config(output_dir="x")
    assert arguments.n_gpu in (0, 1)
    arguments._n_gpu = visible  # as transformers notes it where it finds so many
    if places is not None:
        model.hf_device_map = places
    if isinstance(counted, str):
        with pytest.raises(ModelError, match=counted):
            show_gpus(arguments, model)
        return
    show_gpus(arguments, model)
    assert arguments.n_gpu == counted
    assert arguments.train_batch_size == counted * arguments.per_device_train_batch_size
