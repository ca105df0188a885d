"""The training that costs money when wrong: what is trained, resume, what is saved."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.registry import TRAINERS
from leaven.train import run
from leaven.train import sft as room
from leaven.train.checkpoints import newest_whole, seal
from leaven.train.job import Job

pytestmark = pytest.mark.e2e  # trains many times

ARGS: dict[str, Any] = {"learning_rate": 1e-3, "num_train_epochs": 2, "per_device_train_batch_size": 4}


def train(base: ref.Base, rows: Dataset, out: Path, seed: int = 0, **args: Any) -> dict[str, Any]:
    out.mkdir(exist_ok=True, parents=True)
    tokenizer, model = load.tokenizer(base), load.causal_lm(base)
    job = Job(out, seed, tokenizer, base.as_args(), load.stop_ids(tokenizer, model.generation_config))
    facts: dict[str, Any] = TRAINERS.get("sft").call(job, model, rows, args={**ARGS, **args})
    return facts


def weights(base: ref.Base, out: Path) -> dict[str, torch.Tensor]:
    model, _ = load.trained(out, Path(str(base.path)))
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("peft", [None, {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    base: ref.Base, rows: Dataset, tmp_path: Path, peft: Any
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(base, rows, tmp_path / name, seed, peft=peft)
    a, b, c = (weights(base, tmp_path / name) for name in "abc")
    assert equal(a, b) and not equal(a, c)


def test_every_row_and_token_is_trained_once_an_epoch(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    facts = train(base, rows, tmp_path / "a")
    tokens = sum(sum(label != -100 for label in labels) for labels in rows["labels"])
    assert (facts["rows_seen"], facts["tokens_trained"]) == (2 * len(rows), 2 * tokens)
    assert facts["steps"] == 12


class _Crash(Exception):
    pass


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A checkpoint after every fourth step, and a crash after the eighth."""
    from leaven.train.trainers.sft import ReproducibleSFT
    from leaven.train.trainers.steps import Steps

    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(run, "LOGGED_EVERY", 4)
    monkeypatch.setattr(Steps, "SHARE", 0)
    stock = ReproducibleSFT._save_checkpoint

    def save_then_crash(self: Any, model: Any, trial: Any) -> None:
        stock(self, model, trial)
        if self.state.global_step == 8:
            raise _Crash

    monkeypatch.setattr(ReproducibleSFT, "_save_checkpoint", save_then_crash)
    yield
    monkeypatch.setattr(ReproducibleSFT, "_save_checkpoint", stock)


@pytest.mark.parametrize("peft", [None, {"r": 4, "lora_dropout": 0.1}])
def test_a_resumed_training_ends_bit_equal(
    base: ref.Base, rows: Dataset, tmp_path: Path, crashing: None, monkeypatch: pytest.MonkeyPatch, peft: Any
) -> None:
    with pytest.raises(_Crash):
        train(base, rows, tmp_path / "resumed", peft=peft)
    half_written = tmp_path / "resumed" / "resume" / "checkpoints" / "checkpoint-9"
    shutil.copytree(tmp_path / "resumed" / "resume" / "checkpoints" / "checkpoint-8", half_written)
    (half_written / "optimizer.pt").write_bytes((half_written / "optimizer.pt").read_bytes()[:100])
    monkeypatch.undo()
    monkeypatch.setattr(run, "LOGGED_EVERY", 4)
    facts = train(base, rows, tmp_path / "resumed", peft=peft)
    whole = train(base, rows, tmp_path / "whole", peft=peft)
    assert facts["resumed_from_step"] == 8 and whole["resumed_from_step"] is None
    assert facts["rows_seen"] == whole["rows_seen"] == 2 * len(rows)
    assert (facts["first_loss"], facts["final_loss"]) == (whole["first_loss"], whole["final_loss"])
    assert equal(weights(base, tmp_path / "resumed"), weights(base, tmp_path / "whole"))
    assert not list((tmp_path / "whole" / "resume").rglob("checkpoint-*")), "too short for a checkpoint"


def test_a_half_written_checkpoint_is_deleted(tmp_path: Path) -> None:
    whole: dict[int, Path] = {}
    for step in (5, 7, 9, 11):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "optimizer.pt").write_text("weights")
        seal(folder, {"rows_seen": step}, 1.0)
        whole[step] = tmp_path / "whole" / folder.name
        shutil.copytree(folder, whole[step])
        assert [path.name for path in tmp_path.glob("checkpoint-*")] == [folder.name], "the older one is gone"
    shutil.rmtree(folder)
    tmp_path = tmp_path / "whole"
    (tmp_path / "checkpoint-7" / "seen.json").unlink()
    (tmp_path / "checkpoint-9" / "optimizer.pt").write_text("wei")
    (tmp_path / "checkpoint-11" / "seen.json").write_text('{"half')
    assert newest_whole(tmp_path) == tmp_path / "checkpoint-5"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]


def test_the_artefact_is_safetensors_with_tokenizer_and_stop_ids(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    train(base, rows, tmp_path / "a", peft={"r": 4})
    names = {path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert {"adapter/adapter_model.safetensors", "tokenizer.json", "ref.json", "log.jsonl"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    settings = json.loads((tmp_path / "a" / "generation_config.json").read_text())
    assert settings["eos_token_id"] == [2] and settings["pad_token_id"] == 0


def test_an_adapter_that_lacks_weights_is_refused(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train(base, rows, tmp_path / "a", peft={"r": 4})
    file = tmp_path / "a" / "adapter" / "adapter_model.safetensors"
    weights = load_file(file)
    weights.pop(sorted(weights)[0])
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(ModelError, match="the adapter lacks 1 weights"):
        load.trained(tmp_path / "a", Path(str(base.path)))


def test_a_training_that_diverges_stops_at_once_and_leaves_nothing_to_go_on_from(
    base: ref.Base, rows: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 1)
    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    with pytest.raises(ModelError, match=r"diverged: at step \d the loss was .*learning rate 1.*; lower learning_rate"):
        train(base, rows, tmp_path / "a", learning_rate=1.0, optim="sgd", max_grad_norm=0, adam_epsilon=1e-8,
              num_train_epochs=30, lr_scheduler_type="constant", weight_decay=1e8)  # fmt: skip
    assert not (tmp_path / "a" / "ref.json").exists()
    assert not list((tmp_path / "a" / "resume").rglob("checkpoint-*"))


def test_wrong_target_modules_are_one_clear_line(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="peft: .*q_prj"):
        train(base, rows, tmp_path / "a", peft={"target_modules": ["q_prj"]})


def test_every_declared_argument_is_passed_to_trl() -> None:
    """All that can change a result is passed explicitly: each parameter is a field of TRL's configuration."""
    from leaven.train.trainers.sft import config

    declared = set(inspect.signature(room.sft).parameters) - room._NOT_ARGUMENTS
    passed = config(output_dir="x", **{name: inspect.signature(room.sft).parameters[name].default for name in declared})
    assert declared <= set(passed.to_dict())
