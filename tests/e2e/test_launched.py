"""Trainings in two processes under torchrun, for real: DDP and ZeRO-3 over gloo, beside the one process they equal."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from leaven import rows as tables
from leaven.data import chat
from leaven.errors import ModelError, StageError
from leaven.models import load, ref
from leaven.stages import training
from leaven.train import launch

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(torch.cuda.is_available(), reason="gloo is for machines without")]
needs_deepspeed = pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not there")

Settings = Callable[..., dict[str, Any]]
LOSS, WEIGHT = 1e-5, 1e-4  # by how much one process and two may differ: of a loss as a share, of a weight
EPOCHS = 3
STEPS = 12


@pytest.fixture(scope="module")
def base() -> ref.Base:
    return ref.resolve({"model_name_or_path": "pocket"})


@pytest.fixture(scope="module")
def encoded(base: ref.Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """29 rows: three steps of eight an epoch, and one of five that two processes cannot share evenly."""
    import pyarrow.parquet as pq

    from leaven.data.canonical import Slice, canonical
    from leaven.registry import Step

    made = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=29), "error")
    shown = chat.demonstrations([row for batch in made for row in batch.rows], "preferences")
    told = chat.encode(load.tokenizer(base), shown, chat.Loss())
    lines = [{"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in told]
    folder = tmp_path_factory.mktemp("encoded")
    pq.write_table(tables.table("encoded", lines), folder / "encoded.parquet")
    return folder


@pytest.fixture(scope="module")
def settings(base: ref.Base) -> Settings:
    def made(how: dict[str, Any] | None = None, **around: Any) -> dict[str, Any]:
        given = {"learning_rate": 1e-3, "num_train_epochs": EPOCHS, "per_device_train_batch_size": 4,
                 "gradient_accumulation_steps": 2}  # fmt: skip
        told = {"report_to": "none", "logging_steps": 1, **around, **({"launch": how} if how else {})}
        return {"model": base.as_args(), "seed": 3, "trainer": {"name": "sft", "args": given}, "around": told}

    return made


@pytest.fixture(scope="module")
def inputs(base: ref.Base, encoded: Path) -> dict[str, Path]:
    return {"encoded": encoded, "eval": encoded, "base": Path(str(base.path))}


@pytest.fixture(scope="module")
def twin(settings: Settings, inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the same."""
    out = tmp_path_factory.mktemp("twin")
    facts = training.train(settings(), inputs, out)
    assert facts["steps"] == STEPS and "launch" not in facts
    return out


def losses(out: Path, name: str = "loss") -> list[float]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def mean_loss(out: Path, base: ref.Base, encoded: Path) -> float:
    """Ask a loaded artefact, row by row."""
    model, _ = load.trained(out, Path(str(base.path)))
    summed, tokens = 0.0, 0
    for row in tables.read(encoded / "encoded.parquet").to_pylist():
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        count = int((labels[:, 1:] != -100).sum())
        with torch.no_grad():
            summed, tokens = summed + float(model(input_ids=ids, labels=labels).loss) * count, tokens + count
    return summed / tokens


def test_the_loss_on_held_out_rows_is_told_each_epoch_and_changes_nothing(
    settings: Settings, inputs: dict[str, Path], twin: Path, base: ref.Base, encoded: Path, tmp_path: Path
) -> None:
    told = losses(twin, "eval_loss")
    assert len(told) == EPOCHS and told[-1] == pytest.approx(mean_loss(twin, base, encoded), rel=1e-4)
    training.train(settings(), {name: path for name, path in inputs.items() if name != "eval"}, tmp_path)
    assert losses(tmp_path) == losses(twin) and not losses(tmp_path, "eval_loss")


def prove_twins(out: Path, twin: Path) -> None:
    one, two = losses(twin), losses(out)
    assert len(one) == len(two) == STEPS
    assert max(abs(a - b) / a for a, b in zip(one, two, strict=True)) < LOSS
    held, theirs = losses(twin, "eval_loss"), losses(out, "eval_loss")
    assert theirs == pytest.approx(held, rel=LOSS), "read by both, once each"
    whole, ours = load_file(twin / "model.safetensors"), load_file(out / "model.safetensors")
    assert whole.keys() == ours.keys() and all(whole[name].shape == ours[name].shape for name in whole)
    assert max(float((whole[name] - ours[name]).abs().max()) for name in whole) < WEIGHT


def test_two_processes_under_ddp_equal_one(
    settings: Settings, inputs: dict[str, Path], twin: Path, tmp_path: Path
) -> None:
    facts = training.train(settings({"preset": "ddp", "processes": 2}), inputs, tmp_path)
    assert facts["launch"] == "ddp x 2" and facts["rows_seen"] == EPOCHS * 29, "each row once an epoch, over both"
    prove_twins(tmp_path, twin)


SCRIPT = """
import json, sys
from pathlib import Path
from leaven.stages import training
args, inputs, out = json.loads(sys.argv[1])
facts = training.train(args, {name: Path(path) for name, path in inputs.items()}, Path(out))
"""


def _started(args: dict[str, Any], inputs: dict[str, Path], out: Path) -> subprocess.Popen[bytes]:
    told = json.dumps([args, {name: str(path) for name, path in inputs.items()}, str(out)])
    return subprocess.Popen([sys.executable, "-c", SCRIPT, told], start_new_session=True, stderr=subprocess.DEVNULL)


def _ranks(pid: int) -> list[psutil.Process]:
    below = psutil.Process(pid).children(recursive=True)
    return [one for one in below if "leaven.train.worker" in one.cmdline() and "-m" in one.cmdline()]


@needs_deepspeed
@pytest.mark.timeout(600)
def test_zero3_killed_and_resumed_equals_one_process_and_leaves_whole_weights(
    settings: Settings, inputs: dict[str, Path], twin: Path, tmp_path: Path
) -> None:
    how = settings({"preset": "zero3", "processes": 2}, save_steps=2)
    stage = _started(how, inputs, tmp_path)
    try:
        while not list(tmp_path.glob("resume/checkpoints/checkpoint-*/seen.json")):
            assert stage.poll() is None, "it ended before its first checkpoint"
            time.sleep(0.02)
        ranks = _ranks(stage.pid)
        assert len(ranks) >= 2
    finally:
        stage.kill()  # the stage's process alone: what it started must not outlive it
        stage.wait()
    _, alive = psutil.wait_procs(ranks, timeout=20)
    assert not alive
    facts = training.train(how, inputs, tmp_path)
    assert 2 <= facts["resumed_from_step"] < STEPS and facts["rows_seen"] == EPOCHS * 29
    prove_twins(tmp_path, twin)
    proof = tmp_path / "proof"
    proof.mkdir()
    found = training.prove(settings(), {"model": tmp_path, **inputs}, proof)
    assert found["parameters"] == sum(value.numel() for value in load_file(twin / "model.safetensors").values())
    with pytest.raises(ModelError, match="is of zero3 x 2, and it would go on with whole weights"):
        training.train(settings(), inputs, tmp_path)


LATE = """
import os, signal, time
from leaven.stages import training
from leaven.train import spread as room

def without_the_flag(args, inputs, out, spread):
    del spread.preset.arguments["deepspeed"]["zero_optimization"][room.GATHERS]
    return training.alone(args, inputs, out, spread)

def wrapped_in_another(args, inputs, out, spread):
    spread.preset.arguments["deepspeed"]["zero_optimization"]["stage"] = 2
    return training.alone(args, inputs, out, spread)

def dies(args, inputs, out, spread):
    if not spread.first:
        os.kill(os.getpid(), signal.SIGKILL)
    (out / "first").write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ranks that do what no check before them would let them do."""
    (tmp_path / "late.py").write_text(LATE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (out := tmp_path / "out").mkdir()
    return out


@needs_deepspeed
def test_zero3_that_does_not_gather_fails_in_words_and_saves_nothing(
    settings: Settings, inputs: dict[str, Path], late: Path
) -> None:
    how = {"preset": "zero3", "processes": 2}
    with pytest.raises(ModelError, match="cannot be gathered, so none are saved; set stage3_gather_16bit_weights"):
        launch.launched("late:without_the_flag", settings(how), inputs, late, how)
    assert not list(late.glob("*.safetensors")) and not (late / "ref.json").exists()


@needs_deepspeed
def test_a_model_that_is_not_wrapped_as_asked_is_not_trained(
    settings: Settings, inputs: dict[str, Path], late: Path
) -> None:
    how = {"preset": "zero3", "processes": 2}
    with pytest.raises(ModelError, match="zero3 trains a DeepSpeedEngine at stage 3, .* at stage 2"):
        launch.launched("late:wrapped_in_another", settings(how), inputs, late, how)


def test_a_rank_that_dies_stops_one_that_hangs(settings: Settings, inputs: dict[str, Path], late: Path) -> None:
    how = {"preset": "ddp", "processes": 2}
    with pytest.raises(StageError, match="rank 1 of 2 ended without a word"):
        launch.launched("late:dies", settings(how), inputs, late, how)
    pid = int((late / "first").read_text()) if (late / "first").exists() else None
    assert pid is None or not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
