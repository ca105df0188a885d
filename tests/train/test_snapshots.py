"""Snapshots of every trainer that keeps them: a learning curve from one training, and no other training for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.registry import TRAINERS
from leaven.train import dpo, lm, sft, snapshots

Train = Callable[..., dict[str, Any]]
STEADY: dict[str, Any] = {"lr_scheduler_type": "constant", "report_to": "none"}


def weights(base: ref.Base, out: Path) -> dict[str, torch.Tensor]:
    model, _ = load.trained(out, Path(str(base.path)))
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [None, {"r": 4, "lora_dropout": 0.1}])
def test_a_snapshot_of_sft_is_what_a_training_that_ends_there_leaves(
    base: ref.Base, train: Train, tmp_path: Path, peft: Any
) -> None:
    """With a constant learning rate; dropout is drawn alike, and 24 rows in batches of 5 end an epoch with a short one."""
    given = {"peft": peft, "per_device_train_batch_size": 5, **STEADY}
    facts = train(tmp_path / "a", num_train_epochs=2, snapshots=[0.5, 1, 2], **given)
    assert facts["snapshots"] == [0.5, 1, 2] and facts["steps"] == 10
    for epochs in (0.5, 1, 2):
        alone = train(tmp_path / f"{epochs:g}", num_train_epochs=epochs, **given)
        assert "snapshots" not in alone
        snapshot = snapshots.folder_of(tmp_path / "a", epochs)
        assert equal(weights(base, snapshot), weights(base, tmp_path / f"{epochs:g}")), epochs
        assert ref.ModelRef.load(snapshot).lineage[-1]["snapshot"] == epochs
    assert equal(weights(base, tmp_path / "a"), weights(base, tmp_path / "2"))
    assert not equal(weights(base, tmp_path / "0.5"), weights(base, tmp_path / "1"))


@pytest.mark.e2e
def test_a_snapshot_on_a_falling_learning_rate_is_another_training(
    base: ref.Base, train: Train, tmp_path: Path
) -> None:
    """As the documentation says: epoch 1 of 2 epochs is no training of 1 epoch, unless the learning rate is constant."""
    train(tmp_path / "a", num_train_epochs=2, snapshots=[1], report_to="none", lr_scheduler_type="cosine")
    train(tmp_path / "b", num_train_epochs=1, report_to="none", lr_scheduler_type="cosine")
    assert not equal(weights(base, tmp_path / "a" / "snapshots" / "1"), weights(base, tmp_path / "b"))


@pytest.mark.e2e
@pytest.mark.parametrize("precomputed", [True, False])
def test_a_snapshot_of_dpo_is_what_a_training_that_ends_there_leaves(
    base: ref.Base, prefer: Train, pairs: Dataset, tmp_path: Path, precomputed: bool
) -> None:
    given = {"peft": {"r": 4}, "precompute_ref_log_probs": precomputed, **STEADY}
    facts = prefer("dpo", tmp_path / "a", num_train_epochs=2, snapshots=[1], **given)
    assert facts["snapshots"] == [1]
    prefer("dpo", tmp_path / "b", num_train_epochs=1, **given)
    snapshot = snapshots.folder_of(tmp_path / "a", 1)
    assert equal(weights(base, snapshot), weights(base, tmp_path / "b"))
    assert not (snapshot / "adapter" / "ref").exists()


@pytest.mark.parametrize(("room", "epochs"), [(sft, 3.0), (dpo, 1.0), (lm, 1.0)])
def test_snapshots_that_cannot_be_are_said_beforehand(room: Any, epochs: float) -> None:
    (late,) = room._problems({"snapshots": [epochs, epochs + 0.5]})
    assert f"{epochs + 0.5:g} lies beyond the end of the training, {epochs:g} epochs" in late[1]
    (steps,) = room._problems({"snapshots": [0.5], "max_steps": 5})
    assert "snapshots are named by epochs, and max_steps ends the training by steps" in steps[1]
    (twice,) = room._problems({"snapshots": [0.5, 0.50]})
    assert "names one place twice" in twice[1]
    assert not list(room._problems({})) and not list(room._problems({"snapshots": [0.5, epochs]}))


def test_snapshots_are_no_part_of_a_key_unless_there_are_some() -> None:
    for name in ("sft", "dpo", "lm"):
        plugin = TRAINERS.get(name)
        assert plugin.canonical({"snapshots": []}) == plugin.canonical({})
        assert plugin.canonical({"snapshots": [0.5]}) != plugin.canonical({})


def test_a_snapshot_behind_the_end_is_refused() -> None:
    given = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_train_epochs": 2, "max_steps": -1}
    plan = snapshots.planned(25, given, [0.5, 2])
    assert plan.snapshots == {0.5: 2, 2: 8} and snapshots.told(plan) == {"snapshots": [0.5, 2]}
    with pytest.raises(ModelError, match="snapshots: 3 epochs end at step 12, the training at step 8; take it out"):
        snapshots.planned(25, given, [3])
