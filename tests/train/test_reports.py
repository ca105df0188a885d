"""Curves: TensorBoard's files, other trackers, and that none of it reaches a result."""

from __future__ import annotations

import os
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import ModelError
from leaven.registry import TRAINERS
from leaven.train import reports as room
from leaven.train import run

Train = Callable[..., dict[str, Any]]


def curve(logs: Path, name: str) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(logs))
    read.Reload()
    return {event.step: event.value for event in read.Scalars(name)}


def test_trackers_are_those_of_transformers() -> None:
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    assert set(typing.get_args(room.Tracker)) == {"none", "all", *INTEGRATION_TO_CALLBACK}


def test_tensorboard_is_written_unless_told_otherwise(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 4)
    facts = train(tmp_path / "a")
    losses = curve(tmp_path / "a" / "logs", "train/loss")
    assert list(losses) == [4, 8, 12] and losses[12] == pytest.approx(facts["final_loss"])
    train(tmp_path / "b", report_to="none")
    assert not (tmp_path / "b" / "logs").exists()
    for file in ("model.safetensors", "ref.json", "config.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_later_attempt_replaces_the_end_of_the_curve(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for since, value in ((0, 1.0), (5, 2.0)):
        with room.reports("tensorboard", tmp_path, since) as (callback,):
            writer: SummaryWriter = callback.tb_writer
            for step in range(since + 1, since + 8):
                writer.add_scalar("loss", value, step)
    seen = curve(tmp_path, "loss")
    assert [seen[step] for step in (1, 5, 6, 12)] == [1.0, 1.0, 2.0, 2.0] and list(seen) == list(range(1, 13))


def test_what_diverges_is_in_the_curve(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 1)
    with pytest.raises(ModelError, match="diverged"):
        train(tmp_path / "a", learning_rate=1.0, optim="sgd", max_grad_norm=0, weight_decay=1e8)
    assert curve(tmp_path / "a" / "logs", "train/loss")[1] > 0


def test_a_tracker_that_is_not_installed_is_one_clear_line(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="report_to: dvclive: .*pip install dvclive") as caught:
        train(tmp_path / "a", report_to=["tensorboard", "dvclive"])
    assert "\n" not in str(caught.value)


def test_tensorboard_follows_the_links_of_a_run(tmp_path: Path) -> None:
    """A run's folder links its stages into the store; TensorBoard is started on the run's folder."""
    from tensorboard.backend.event_processing.io_wrapper import GetLogdirSubdirectories

    with room.reports("tensorboard", tmp_path / "store" / "sft" / "key" / "logs", 0) as (callback,):
        callback.tb_writer.add_scalar("loss", 1.0, 1)
    (tmp_path / "my-study" / "clean" / "0").mkdir(parents=True)
    os.symlink("../../../store/sft/key", tmp_path / "my-study" / "clean" / "0" / "sft")
    found = [os.path.relpath(place, tmp_path) for place in GetLogdirSubdirectories(str(tmp_path / "my-study"))]
    assert found == ["my-study/clean/0/sft/logs"]


def test_where_it_reports_to_is_circumstance() -> None:
    plugin, plain = TRAINERS.get("sft"), {"learning_rate": 1e-3}
    told = {**plain, "report_to": ["wandb", "tensorboard"]}
    assert plugin.canonical(told) == plugin.canonical(plain)
    assert plugin.circumstance(told) == {"report_to": ["wandb", "tensorboard"]}
    assert plugin.circumstance({**plain, "report_to": "tensorboard"}) == plugin.circumstance(plain) == {}
    assert plugin.canonical({**plain, "truncation": True}) != plugin.canonical(plain)
    assert plugin.canonical({**plain, "accept_findings": ["eos"]}) != plugin.canonical(plain)
    assert plugin.canonical({**plain, "accept_findings": [], "truncation": False}) == plugin.canonical(plain)
