"""Reward models: the head, the chain from what was trained before, padding, and what they refuse."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from leaven.errors import ModelError
from leaven.models import load, reading, ref, rewarding
from leaven.train import reload, run
from leaven.train import reward as room

Train = Callable[..., dict[str, Any]]
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}
EVERY = {**LORA, "target_modules": "all-linear"}

pytestmark = pytest.mark.e2e  # trains many times


@pytest.mark.parametrize("peft", [None, EVERY])
def test_a_reward_model_learns_which_answer_was_chosen_and_reloads(
    prefer: Train, base: ref.Base, pairs: Dataset, tmp_path: Path, peft: Any
) -> None:
    facts = prefer("reward", tmp_path / "a", peft=peft, num_train_epochs=8)
    whole = sum(2 * len(row["prompt_ids"]) + len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in pairs)
    assert (facts["rows_seen"], facts["tokens_trained"]) == (8 * len(pairs), 8 * whole)
    assert facts["accuracy/last"] > 0.8 and facts["margin/last"] > facts["margin/first"]
    assert facts["alone_max_difference"] <= 1e-4
    model, tokenizer = rewarding.reward_model(tmp_path / "a", Path(str(base.path)))
    assert model.config.get_text_config().pad_token_id == tokenizer.pad_token_id
    rows = list(pairs)
    assert reload.prove(tmp_path / "a", model, rows) <= 1e-4
    told = reading.rewards(model, reading.conversations(rows))
    better = [chosen > other for chosen, other in zip(told[: len(rows)], told[len(rows) :], strict=True)]
    assert sum(better) / len(better) > 0.8
    told_by = ref.ModelRef.load(tmp_path / "a")
    assert told_by.makes == "reward" and [one["trainer"] for one in told_by.lineage] == ["reward"]


@pytest.mark.parametrize("peft", [None, LORA])
def test_the_head_and_all_else_are_drawn_by_the_seed(prefer: Train, tmp_path: Path, peft: Any) -> None:
    file = "adapter/adapter_model.safetensors" if peft else "model.safetensors"
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(len(found))  # whatever the process drew before
        prefer("reward", tmp_path / name, seed, peft=peft, max_steps=1)
        found.append(load_file(tmp_path / name / file))
    one, same, other = found
    assert all(torch.equal(one[name], same[name]) for name in one)
    (head,) = [name for name in one if "score" in name]
    assert not torch.equal(one[head], other[head])


@pytest.mark.parametrize("first", [None, LORA])
def test_it_goes_on_with_what_a_supervised_training_left(
    train: Train, prefer: Train, base: ref.Base, tmp_path: Path, first: Any
) -> None:
    train(tmp_path / "sft", peft=first, report_to="none")
    prefer("reward", tmp_path / "rm", before=tmp_path / "sft", peft=first, max_steps=1, learning_rate=1e-9)
    file = "adapter/adapter_model.safetensors" if first else "model.safetensors"
    was, now = load_file(tmp_path / "sft" / file), load_file(tmp_path / "rm" / file)
    shared = [name for name in now if "score" not in name]
    assert len(shared) > 4
    assert all(torch.allclose(was[name], now[name], atol=1e-7) for name in shared), "it starts from those weights"
    told = ref.ModelRef.load(tmp_path / "rm")
    assert [one["trainer"] for one in told.lineage] == ["sft", "reward"]
    assert list(told.lineage[1]["started_from"]) == [file]
    rewarding.reward_model(tmp_path / "rm", Path(str(base.path)))


def test_an_adapter_over_whole_weights_keeps_them_below(
    train: Train, prefer: Train, base: ref.Base, pairs: Dataset, tmp_path: Path
) -> None:
    train(tmp_path / "sft", report_to="none")
    prefer("reward", tmp_path / "rm", before=tmp_path / "sft", peft=LORA, max_steps=2)
    model, _ = rewarding.reward_model(tmp_path / "rm", Path(str(base.path)))
    assert reload.prove(tmp_path / "rm", model, list(pairs)) <= 1e-4


def test_a_reward_model_asked_to_generate_or_to_go_on_is_one_clear_line(
    prefer: Train, base: ref.Base, tmp_path: Path
) -> None:
    path = Path(str(base.path))
    prefer("reward", tmp_path / "rm", peft=LORA, max_steps=1)
    with pytest.raises(ModelError, match="this is a reward model: it gives a text a number, and neither generates"):
        load.trained(tmp_path / "rm", path)
    with pytest.raises(ModelError, match="neither generates nor is trained on as a policy"):
        prefer("dpo", tmp_path / "b", before=tmp_path / "rm", peft=LORA)
    with pytest.raises(ModelError, match="made a reward model already"):
        prefer("reward", tmp_path / "c", before=tmp_path / "rm", peft=LORA)
    prefer("dpo", tmp_path / "d", peft=LORA, max_steps=1)
    with pytest.raises(ModelError, match="this artefact is a policy, which gives no rewards"):
        rewarding.reward_model(tmp_path / "d", path)


def test_a_model_that_takes_padding_for_text_is_refused(base: ref.Base) -> None:
    model, _ = rewarding.rewarding(base)
    model.config.pad_token_id = 0
    texts = [[1, 10, 11, 12], [1, 13, 14, 15, 16, 17, 18]]
    assert room.prove_alone(model, texts) <= 1e-4
    stock = model.forward

    def confused(input_ids: Any, attention_mask: Any, **more: Any) -> Any:
        found = stock(input_ids=input_ids, attention_mask=attention_mask, **more)
        found.logits = found.logits + (attention_mask == 0).sum(dim=1, keepdim=True)
        return found

    model.forward = confused
    with pytest.raises(ModelError, match=r"alone and in a padded batch differ by 3.*set model.pad_token"):
        room.prove_alone(model, texts)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_reward_that_is_no_number_is_refused(base: ref.Base, value: float) -> None:
    model, _ = rewarding.rewarding(base)
    model.config.pad_token_id = 0
    stock = model.forward

    def overflowing(input_ids: Any, **more: Any) -> Any:
        found = stock(input_ids=input_ids, **more)
        found.logits[(input_ids == 13).any(dim=1)] = value
        return found

    model.forward = overflowing
    with pytest.raises(ModelError, match="a text's reward is no finite number.*model.dtype"):
        room.prove_alone(model, [[1, 10, 11, 12], [1, 13, 14, 15, 16]])


def test_a_resumed_training_ends_bit_equal(prefer: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.train.trainers.reward import ReproducibleReward
    from leaven.train.trainers.steps import Steps

    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(run, "LOGGED_EVERY", 2)
    monkeypatch.setattr(Steps, "SHARE", 0)
    stock, crashed = ReproducibleReward._save_checkpoint, []

    def save_then_crash(self: Any, model: Any, trial: Any) -> None:
        stock(self, model, trial)
        if self.state.global_step == 4 and not crashed:
            crashed.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(ReproducibleReward, "_save_checkpoint", save_then_crash)
    with pytest.raises(KeyboardInterrupt):
        prefer("reward", tmp_path / "resumed", peft=LORA, num_train_epochs=2)
    resumed = prefer("reward", tmp_path / "resumed", peft=LORA, num_train_epochs=2)
    whole = prefer("reward", tmp_path / "whole", peft=LORA, num_train_epochs=2)
    assert resumed["resumed_from_step"] == 4 and resumed["tokens_trained"] == whole["tokens_trained"]
    one, other = (load_file(tmp_path / name / "adapter/adapter_model.safetensors") for name in ("resumed", "whole"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_declared_argument_is_passed_to_trl() -> None:
    from leaven.train.trainers.reward import config

    declared = set(inspect.signature(room.reward).parameters) - room._NOT_ARGUMENTS
    defaults = {name: inspect.signature(room.reward).parameters[name].default for name in declared}
    assert declared <= set(config(output_dir="x", **defaults).to_dict())
