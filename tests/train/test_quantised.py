"""Bases in 8 and 4 bits: absent from keys unless asked for, refused in words without bitsandbytes, trained with it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from leaven import stages
from leaven.errors import ModelError
from leaven.models import footprint, load, ref, rewarding
from leaven.registry import TRAINERS
from leaven.train import reload

Train = Callable[..., dict[str, Any]]
LORA = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
IDS = torch.tensor([[1, 40, 41, 300, 17, 99, 5, 2]])
FOUR: dict[str, Any] = {"load_in_4bit": True}
EIGHT: dict[str, Any] = {"load_in_8bit": True}
installed = pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes")


def test_full_precision_has_the_key_that_it_had(base: ref.Base) -> None:
    declared = {"model_name_or_path": "pocket", "load_in_4bit": False, "load_in_8bit": False,
                "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": None}  # fmt: skip
    assert ref.resolve(declared) == base and set(base.as_args()) == {"identity"} and base.bits is None


@pytest.mark.parametrize(("declared", "bits"), [(FOUR, 4), (EIGHT, 8)])
def test_how_it_is_quantised_enters_its_key(declared: dict[str, Any], bits: int) -> None:
    said = {**declared, "bnb_4bit_compute_dtype": "bfloat16"}
    found = ref.resolve({"model_name_or_path": "pocket", **said})
    assert found.bits == bits and {name: found.as_args()[name] for name in said} == said
    assert load.base(found.as_args(), None) == found


@pytest.mark.parametrize(("declared", "bits"), [(FOUR, 4), (EIGHT, 8)])
def test_without_bitsandbytes_one_line_says_so_before_and_at_loading(
    monkeypatch: pytest.MonkeyPatch, base: ref.Base, declared: dict[str, Any], bits: int
) -> None:
    monkeypatch.setattr(ref, "find_spec", lambda name: None)
    wanted = f"model.load_in_{bits}bit needs bitsandbytes, which is not installed: pip install 'leaven[qlora]'"
    problem = ref.quantisation_problem(bits)
    assert problem is not None and problem.startswith(wanted) and "\n" not in problem
    with pytest.raises(ModelError) as caught:
        load.causal_lm(replace(base, **declared))
    assert str(caught.value) == problem


def test_drawn_weights_are_not_quantised(base: ref.Base) -> None:
    with pytest.raises(ModelError, match="model.from_config draws weights to be trained whole"):
        load.causal_lm(replace(base, load_in_8bit=True, from_config=True), 0)


def test_its_memory_is_known_before_it_is_loaded(base: ref.Base) -> None:
    plain = footprint.shape(base)
    assert plain is not None and (plain.whole, plain.bits) == (0, None)
    assert plain.weight_bytes == plain.parameters * 4
    four, eight = (footprint.shape(replace(base, **one)) for one in (FOUR, EIGHT))
    assert four is not None and eight is not None and four.whole == 1024 * 128, "the tied embedding stays whole"
    large = replace(plain, parameters=7_000_000_000, precision=2, whole=262_144_000, bits=4)
    assert 4.2e9 < large.weight_bytes < 4.6e9, "7B in 4 bits, with its two tables of 32,000 x 4,096 in 16 bits"
    declared = {"peft": LORA, "max_length": 128}
    settings = TRAINERS.get("sft").declare(declared).model_dump()
    shapes = [large, replace(large, bits=8), replace(large, whole=0, bits=None)]
    needed = [footprint.training(shape, settings) for shape in shapes]
    assert needed[0].weights < needed[1].weights < needed[2].weights and needed[0].least == needed[0].weights
    assert footprint.answering(large, 8, 64).weights < 4_400 < 13_000 < footprint.answering(shapes[2], 8, 64).weights


def logits(model: Any) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS.to(model.device)).logits.float().cpu()
    return found


@installed
@pytest.mark.parametrize("declared", [FOUR, EIGHT])
def test_it_is_loaded_and_says_about_the_same(base: ref.Base, declared: dict[str, Any]) -> None:
    whole, coarse = logits(load.causal_lm(base)), logits(load.causal_lm(replace(base, **declared)))
    apart = (whole - coarse).abs().max() / whole.abs().max()
    assert 0 < apart < 0.3
    assert torch.equal(coarse, logits(load.causal_lm(replace(base, **declared)))), "and the same each time"


@installed
@pytest.mark.parametrize("declared", [FOUR, EIGHT])
def test_it_says_in_training_what_it_says_when_it_answers_and_after_its_state_was_read(
    base: ref.Base, declared: dict[str, Any]
) -> None:
    """bitsandbytes lays weights of 4 bits out anew on some CPUs, and loses them once a checkpoint is written."""
    model = load.causal_lm(replace(base, **declared))
    model.train()
    with torch.no_grad():
        training = model(input_ids=IDS).logits.float()
    before = logits(model)
    if "load_in_4bit" in declared:  # in 8 bits activations are rounded too, and in training otherwise
        assert torch.allclose(training, before, atol=1e-5)
    model.state_dict()
    assert torch.allclose(before, logits(model), atol=1e-5)


@installed
@pytest.mark.parametrize("declared", [FOUR, EIGHT])
def test_an_adapter_over_it_learns_and_is_loaded_again(
    base: ref.Base, train: Train, tmp_path: Path, declared: dict[str, Any]
) -> None:
    coarse = replace(base, **declared)
    facts = train(tmp_path / "out", of=coarse, peft=LORA, learning_rate=1e-2, report_to="none", logging_steps=1)
    assert facts["final_loss"] < facts["first_loss"]
    from safetensors.torch import load_file

    stored = load_file(tmp_path / "out/adapter/adapter_model.safetensors")
    assert {weight.dtype for weight in stored.values()} == {torch.float32}, "TRL would have rounded it to bfloat16"
    assert ref.ModelRef.load(tmp_path / "out").base == coarse.as_args()
    model, _ = load.trained(tmp_path / "out", Path(str(base.path)))
    assert type(model.base_model.model.model.layers[0].mlp.up_proj).__name__ in ("Linear4bit", "Linear8bitLt")
    assert (logits(model) - logits(load.causal_lm(coarse))).abs().max() > 0.05
    again = train(tmp_path / "again", of=coarse, peft=LORA, before=tmp_path / "out", report_to="none", logging_steps=1)
    assert again["first_loss"] < facts["first_loss"]


@installed
def test_a_whole_training_of_it_is_refused(base: ref.Base, train: Train, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="loaded in 4 bits, and such weights are not trained; declare `peft`"):
        train(tmp_path / "out", of=replace(base, **FOUR), report_to="none")


@installed
@pytest.mark.parametrize("name", ["dpo", "reward"])
def test_preferences_are_learnt_over_it(
    base: ref.Base, prefer: Train, pairs: Dataset, tmp_path: Path, name: str
) -> None:
    coarse = replace(base, **FOUR)
    facts = prefer(name, tmp_path / "out", of=coarse, peft=LORA, max_steps=2)
    assert facts["steps"] == 2
    way = rewarding.reward_model if name == "reward" else load.trained
    model, _ = way(tmp_path / "out", Path(str(base.path)))
    assert reload.prove(tmp_path / "out", model, list(pairs)) < 1e-2


@installed
def test_adapters_over_it_are_combined_and_not_merged(base: ref.Base, train: Train, tmp_path: Path) -> None:
    coarse = replace(base, **FOUR)
    for seed in (0, 1):
        train(tmp_path / str(seed), seed=seed, of=coarse, peft=LORA, max_steps=2, learning_rate=1e-2, report_to="none")
    (tmp_path / "both").mkdir()
    inputs = {"base": Path(str(base.path)), "adapter.0": tmp_path / "0", "adapter.1": tmp_path / "1"}
    facts = stages.compose({"model": coarse.as_args(), "how": {"weights": [1.0, 0.5]}}, inputs, tmp_path / "both")
    assert facts["apart_from_sum"] < 1e-6
    model, _ = load.trained(tmp_path / "both", Path(str(base.path)))
    assert torch.isfinite(logits(model)).all()
    with pytest.raises(ModelError, match="the base is loaded in 4 bits, and what is added to its weights"):
        stages.compose(
            {"model": coarse.as_args(), "how": {"weights": [1.0, 0.5], "merge": True}}, inputs, tmp_path / "both"
        )
