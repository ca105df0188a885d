"""A training that goes on from what another left: whole weights, or an adapter."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.train import run

Train = Callable[..., dict[str, Any]]
Left = Callable[[Any], tuple[Path, dict[str, Any]]]
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}

pytestmark = pytest.mark.e2e  # trains many times


def weights(base: ref.Base, folder: Path) -> dict[str, torch.Tensor]:
    model, _ = load.trained(folder, Path(str(base.path)))
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


EVERY: dict[str, Any] = {"target_modules": "all-linear"}


@pytest.fixture(scope="module")
def left(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """What a first training with these adapters left, and its facts; made once."""

    @functools.cache
    def made(peft: str) -> tuple[Path, dict[str, Any]]:
        out = tmp_path_factory.mktemp("first")
        return out, train(out, peft=json.loads(peft))

    return lambda peft: made(json.dumps(peft))


@pytest.mark.parametrize(("first", "second"), [(None, None), (LORA, LORA), (None, LORA), (EVERY, EVERY)])
def test_a_second_training_goes_on_where_the_first_ended(
    train: Train, left: Left, base: ref.Base, tmp_path: Path, first: Any, second: Any
) -> None:
    before, facts = left(first)
    after = train(tmp_path / "b", before=before, peft=second, num_train_epochs=1)
    assert after["first_loss"] < facts["first_loss"] - 0.1, "it knows what it learnt before"
    told = ref.ModelRef.load(tmp_path / "b")
    assert told.base == base.as_args() and told.adapters == (("adapter",) if second else ())
    a, b = weights(base, before), weights(base, tmp_path / "b")
    below = [name for name in b if "lora_" not in name]
    moved = [name for name in below if name in a and not torch.equal(a[name], b[name])]
    assert bool(moved) is (second is None), "an adapter leaves what lies below it as it is"


def test_an_adapter_over_trained_weights_can_be_gone_on_with(
    train: Train, left: Left, base: ref.Base, tmp_path: Path
) -> None:
    before, _ = left(None)
    train(tmp_path / "b", before=before, peft=LORA, num_train_epochs=1)
    train(tmp_path / "c", before=tmp_path / "b", peft=LORA, num_train_epochs=1)
    c, whole = weights(base, tmp_path / "c"), weights(base, before)
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(c[f"base_model.model.{name}"], whole[name])
    assert not equal(c, weights(base, tmp_path / "b"))


@pytest.mark.parametrize("peft", [None, LORA])
def test_a_resumed_second_training_ends_bit_equal(
    train: Train, left: Left, base: ref.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peft: Any
) -> None:
    from leaven.train.trainers.sft import ReproducibleSFT
    from leaven.train.trainers.steps import Steps

    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(run, "LOGGED_EVERY", 4)
    monkeypatch.setattr(Steps, "SHARE", 0)
    before, _ = left(peft)
    whole = train(tmp_path / "whole", before=before, peft=peft)
    stock = ReproducibleSFT._save_checkpoint

    def save_then_crash(self: Any, model: Any, trial: Any) -> None:
        stock(self, model, trial)
        if self.state.global_step == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(ReproducibleSFT, "_save_checkpoint", save_then_crash)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "b", before=before, peft=peft)
    monkeypatch.setattr(ReproducibleSFT, "_save_checkpoint", stock)
    resumed = train(tmp_path / "b", before=before, peft=peft)
    assert resumed["resumed_from_step"] == 8 and resumed["tokens_trained"] == whole["tokens_trained"]
    assert equal(weights(base, tmp_path / "b"), weights(base, tmp_path / "whole"))


@pytest.mark.parametrize(
    ("peft", "said"),
    [
        (None, "left an adapter, and this one declares no peft"),
        ({**LORA, "r": 8}, "r 4 and not 8"),
        ({**LORA, "lora_alpha": 16}, "lora_alpha 8.0 and not 16.0"),
        ({**LORA, "target_modules": ["q_proj"]}, "target_modules"),
        ({**LORA, "target_modules": "all-linear"}, "target_modules"),
    ],
)
def test_another_adapter_than_the_one_before_is_refused(
    train: Train, left: Left, tmp_path: Path, peft: Any, said: str
) -> None:
    before, _ = left(LORA)
    with pytest.raises(ModelError, match=said) as caught:
        train(tmp_path / "b", before=before, peft=peft)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["lacks", "has unknown"])
def test_an_adapter_that_is_not_whole_is_not_gone_on_with(train: Train, left: Left, tmp_path: Path, harm: str) -> None:
    """PEFT would leave the layers that are missing as they are drawn, and say nothing."""
    before = Path(shutil.copytree(left(LORA)[0], tmp_path / "a"))
    file = before / "adapter" / "adapter_model.safetensors"
    stored = load_file(file)
    value = stored.pop(sorted(stored)[0]) if harm == "lacks" else next(iter(stored.values())).clone()
    save_file(stored if harm == "lacks" else {**stored, "another": value}, file, {"format": "pt"})
    with pytest.raises(ModelError, match=f"the adapter {harm} 1 weights, first "):
        train(tmp_path / "b", before=before, peft=LORA)
