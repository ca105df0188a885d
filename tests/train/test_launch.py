"""Trainings in several processes: what is refused at once, who is told, who is stopped, who trains which rows."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leaven.errors import DataError, ModelError, StageError
from leaven.train import launch, spread, whole
from leaven.train.checkpoints import newest_whole, prove_spread, seal
from leaven.train.trainers.sampler import SeededSampler
from leaven.train.trainers.shared import Shares, prove_wrapped

DDP = {"preset": "ddp", "processes": 2}

RANK = """
import json, os, socket, sys, time
path, number, world, does = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
channel = socket.socket(socket.AF_UNIX)
channel.connect(path)
say = lambda said: channel.sendall(json.dumps(said).encode() + b"\\n")
say({"rank": number, "world": world})
job = json.loads(channel.makefile().readline())
if does == "hangs":
    while channel.recv(4096):
        pass
    open(job["out"], "a").write(f"{number} ended\\n")
elif does == "dies":
    os._exit(9)
else:
    say(json.loads(does))
    channel.recv(1)
"""
ALL = "import subprocess, sys; [one.wait() for one in [subprocess.Popen(words) for words in {each!r}]]"


@pytest.fixture
def ranks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let small programs stand for torchrun and its ranks: (number, world, what it does) each."""

    def stand_in(*each: tuple[int, int, str]) -> None:
        def words(processes: int, path: str) -> list[str]:
            started = [[sys.executable, "-c", RANK, path, str(n), str(of), does] for n, of, does in each]
            return [sys.executable, "-c", ALL.format(each=started)]

        monkeypatch.setattr(launch, "_words", words)

    return stand_in


def go(out: Path, how: dict[str, Any] = DDP) -> dict[str, Any]:
    return launch.launched("nobody:calls", {}, {}, out, how)


def ended(file: Path) -> None:
    """Wait for what the first rank writes when its channel closes."""
    until = time.monotonic() + 10
    while not (file.exists() and file.read_text() == "0 ended\n"):
        assert time.monotonic() < until, "the other rank was not stopped"
        time.sleep(0.02)


def test_the_first_rank_tells_the_facts(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, '{"facts": {"steps": 3}}'), (1, 2, '{"facts": {}}'))
    assert go(tmp_path / "said") == {"steps": 3}


def test_a_rank_that_fails_stops_the_others_and_its_message_is_told(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, "hangs"), (1, 2, '{"failed": "DataError", "message": "row 7 has no answer"}'))
    began = time.monotonic()
    with pytest.raises(DataError, match="^row 7 has no answer$"):
        go(tmp_path / "said")
    ended(tmp_path / "said")
    assert time.monotonic() - began < 20


def test_a_message_for_people_goes_before_what_another_rank_made_of_it(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, '{"failed": "RuntimeError", "message": "connection closed by peer"}'),
          (1, 2, '{"failed": "ModelError", "message": "the loss is no number"}'))  # fmt: skip
    with pytest.raises(ModelError, match="the loss is no number"):
        go(tmp_path / "said")


def test_an_error_that_is_for_nobody_says_its_rank(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, "hangs"), (1, 2, '{"failed": "ZeroDivisionError", "message": "by zero"}'))
    with pytest.raises(RuntimeError, match="rank 1: ZeroDivisionError: by zero"):
        go(tmp_path / "said")


def test_a_rank_that_dies_stops_the_others(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, "hangs"), (1, 2, "dies"))
    with pytest.raises(StageError, match="rank 1 of 2 ended without a word"):
        go(tmp_path / "said")
    ended(tmp_path / "said")


def test_ranks_that_disagree_on_how_many_they_are_are_stopped(ranks: Any, tmp_path: Path) -> None:
    ranks((0, 2, "hangs"), (1, 3, "hangs"))
    with pytest.raises(StageError, match="rank 1 counts 3 processes, and 2 were started"):
        go(tmp_path / "said")


def test_two_ranks_of_one_number_are_stopped(ranks: Any, tmp_path: Path) -> None:
    ranks((1, 2, "hangs"), (1, 2, "hangs"))
    with pytest.raises(StageError, match="two processes say they are rank 1"):
        go(tmp_path / "said")


def test_the_environment_of_another_launch_does_not_reach_the_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "9", "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "4"}.items():
        monkeypatch.setenv(name, value)
    told = launch._around(2)
    assert "WORLD_SIZE" not in told and "ACCELERATE_USE_CPU" not in told and told["OMP_NUM_THREADS"] == "2"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("name", ["fsdp2", "device_map"])
def test_a_preset_for_gpus_is_refused_without_one(name: str) -> None:
    with pytest.raises(ModelError, match=f"preset {name} computes on GPUs, and this training sees none"):
        launch.prove_runs_here(spread.preset(name), 1)


def test_zero3_without_the_gather_flag_is_refused_before_it_begins() -> None:
    with pytest.raises(ModelError, match="leaves no whole weights"):
        spread.preset("zero3", {spread.GATHERS: False})
    assert spread.preset("zero3").deepspeed


def test_an_unknown_preset_is_refused_with_what_was_meant() -> None:
    with pytest.raises(ModelError, match="did you mean 'zero3'"):
        spread.preset("zer3")


@pytest.mark.parametrize(
    ("batch", "accumulated", "processes", "at_once", "times"),
    [(16, 1, 4, 4, 1), (8, 4, 2, 8, 2), (1, 16, 2, 1, 8), (6, 2, 4, 3, 1), (5, 2, 2, 5, 1)],
)
def test_a_step_is_shared_by_processes(batch: int, accumulated: int, processes: int, at_once: int, times: int) -> None:
    told = spread.shared(batch, accumulated, processes)
    assert told == {"per_device_train_batch_size": at_once, "gradient_accumulation_steps": times}


def test_a_step_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ModelError, match="4 x gradient_accumulation_steps 1 = 4 rows a step cannot be shared by 3"):
        spread.shared(4, 1, 3)
    with pytest.raises(ModelError, match="per_device_train_batch_size 3 cannot be shared by 2"):
        spread.shared(3, 2, 2, by_rows=True)


@pytest.mark.parametrize("rows", [29, 32, 33, 1])
@pytest.mark.parametrize("grouped", [True, False])
def test_the_processes_have_the_rows_of_every_step_that_one_would_have(rows: int, grouped: bool) -> None:
    lengths, preset = np.arange(rows) % 7 + 3, spread.preset("ddp")

    def order() -> SeededSampler:
        made = SeededSampler(lengths, 8, 5, group_by_length=grouped)
        made.set_epoch(2)
        return made

    each = [Shares(order(), 8, 2, spread.Spread(preset, 2, rank)) for rank in range(2)]
    batches = [list(one) for one in each]
    assert len(each[0]) == len(each[1]) == len(batches[0]) == len(batches[1])
    alone = list(order())
    for step in range(-(-rows // 8)):
        mine = [row for one in batches for batch in one[2 * step : 2 * step + 2] for row in batch]
        assert sorted(mine) == sorted(alone[8 * step : 8 * step + 8])


def test_what_was_not_gathered_is_not_saved() -> None:
    expected = {"a": (2, 2), "b": (3,)}
    sound = {"a": torch.ones(2, 2), "b": torch.ones(3)}
    whole.prove_complete(sound, expected)
    for broken, said in (
        ({"a": sound["a"]}, "1 weights were not gathered, first b"),
        ({**sound, "b": torch.empty(0)}, r"b was gathered as \(0,\), not \(3,\)"),
        ({**sound, "a": torch.full((2, 2), float("nan"))}, "a is not finite"),
    ):
        with pytest.raises(ModelError, match=said):
            whole.prove_complete(broken, expected)


def test_restored_weights_stay_tied_and_nothing_hooks_them() -> None:
    model = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2, bias=False), "b": torch.nn.Linear(2, 2, bias=False)})
    model["b"].weight = model["a"].weight
    model["a"].register_forward_pre_hook(lambda *_: pytest.fail("a hook ran"))
    whole.restore(model, {"a.weight": torch.eye(2), "b.weight": torch.eye(2)})
    assert model["b"].weight is model["a"].weight
    assert torch.equal(model["a"](torch.ones(2)), torch.ones(2))


def test_a_model_that_is_wrapped_in_something_else_is_refused() -> None:
    with pytest.raises(ModelError, match="ddp trains a DistributedDataParallel, and the model is wrapped in Linear"):
        prove_wrapped(torch.nn.Linear(1, 1), spread.Spread(spread.preset("ddp"), 2, 0))
    engine = type("DeepSpeedEngine", (), {"zero_optimization_stage": lambda _: 2})()
    prove_wrapped(engine, spread.Spread(spread.preset("zero2"), 2, 0))
    with pytest.raises(ModelError, match="zero3 trains a DeepSpeedEngine at stage 3, .* at stage 2"):
        prove_wrapped(engine, spread.Spread(spread.preset("zero3"), 2, 0))


def test_a_checkpoint_is_not_gone_on_with_by_other_shards(tmp_path: Path) -> None:
    made = tmp_path / "checkpoint-4"
    made.mkdir()
    (made / "weights").write_text("w")
    seal(made, {"rows_seen": 4}, 1.0, "zero3 x 2")
    assert newest_whole(tmp_path) == made
    prove_spread(made, "zero3 x 2")
    with pytest.raises(ModelError, match="is of zero3 x 2, and it would go on with whole weights"):
        prove_spread(made, "")


def test_deepspeed_computes_as_one_process_would() -> None:
    given = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "bf16": True, "fp16": False}
    told = spread.arguments(spread.Spread(spread.preset("zero3"), 2, 0), given)
    assert told["bf16"] is False and told["deepspeed"]["torch_autocast"]["enabled"] is True
    assert told["use_cpu"] is False, "else accelerate would make it DDP"
    halves = spread.arguments(spread.Spread(spread.preset("zero3"), 2, 0, "bfloat16"), given)
    assert halves["bf16"] is True and halves["deepspeed"]["bf16"]["enabled"] is True
    with pytest.raises(ModelError, match="fp16"):
        spread.arguments(spread.Spread(spread.preset("zero2"), 2, 0), {**given, "fp16": True})
    with pytest.raises(ModelError, match="launch it by ddp or zero2"):
        spread.arguments(spread.Spread(spread.preset("zero3"), 2, 0), given, by_rows=True)


def test_the_folder_of_the_socket_is_this_users_alone(ranks: Any) -> None:
    ranks((0, 1, "hangs"))
    with launch._ranks(1) as made:
        folder = Path(made.listener.getsockname()).parent
        assert folder.stat().st_mode & 0o77 == 0 and folder.stat().st_uid == os.getuid()
    assert not folder.exists()
