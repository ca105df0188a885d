"""Direct preference optimisation: the reference, the first step, resume, what is kept of it."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from leaven.errors import ModelError
from leaven.models import load, reading, ref
from leaven.registry import TRAINERS
from leaven.train import dpo as room
from leaven.train import reload, run

Train = Callable[..., dict[str, Any]]
LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}

pytestmark = pytest.mark.e2e  # trains many times


@pytest.fixture(scope="module")
def taught(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """What a supervised training left: an adapter, or the whole; each made once."""
    made: dict[str, Path] = {}

    def left(peft: Any) -> Path:
        if (name := json.dumps(peft)) not in made:
            made[name] = tmp_path_factory.mktemp("sft")
            train(made[name], peft=peft, report_to="none")
        return made[name]

    return left


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("loss_type", "args", "first"),
    [
        ("sigmoid", {}, math.log(2)),
        ("robust", {"label_smoothing": 0.2}, math.log(2)),
        ("ipo", {"beta": 0.5}, 1.0),
        ("ipo", {}, 25.0),
        ("hinge", {}, 1.0),
    ],
)
def test_the_first_loss_is_what_theory_says(
    prefer: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss_type: str, args: Any, first: float
) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 1)
    facts = prefer("dpo", tmp_path / "a", loss_type=loss_type, max_steps=2, **args)
    assert facts["first_loss"] == pytest.approx(first, rel=1e-4)
    assert facts["step0_max_log_ratio"] <= 1e-3


@pytest.mark.parametrize(
    ("loss_type", "more"), [("exo_pair", {"label_smoothing": 1e-3}), ("aot", {}), ("sppo_hard", {})]
)
def test_other_losses_train(prefer: Train, tmp_path: Path, loss_type: str, more: Any) -> None:
    facts = prefer("dpo", tmp_path / "a", loss_type=loss_type, max_steps=1, **more)
    assert math.isfinite(facts["final_loss"])


def test_the_losses_are_those_that_trl_knows() -> None:
    from trl import DPOTrainer

    known = re.findall(r'loss_type == "(\w+)"', inspect.getsource(DPOTrainer._compute_loss))
    assert set(get_args(room.LossType)) == set(known) - {"sft"}, "which reads no rejected answer: that is `sft`"


def test_mixed_precision_and_checkpointed_activations(prefer: Train, tmp_path: Path) -> None:
    plain = prefer("dpo", tmp_path / "a", peft=LORA)
    saving = prefer("dpo", tmp_path / "b", peft=LORA, activation_checkpointing=True)
    mixed = prefer("dpo", tmp_path / "c", peft=LORA, bf16=True)
    assert saving["final_loss"] == pytest.approx(plain["final_loss"], abs=1e-5)
    assert mixed["final_loss"] == pytest.approx(plain["final_loss"], rel=0.1) and mixed["step0_max_log_ratio"] <= 1e-2


def test_a_smoothing_that_a_loss_does_not_read_is_refused(prefer: Train, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sigmoid does not read label_smoothing 0.1.*robust"):
        prefer("dpo", tmp_path / "a", label_smoothing=0.1)
    with pytest.raises(ModelError, match="exo_pair needs label_smoothing"):
        prefer("dpo", tmp_path / "b", loss_type="exo_pair")


def test_a_tau_that_a_loss_does_not_read_is_a_problem() -> None:
    """It would be left out silently and move the key."""
    ((place, said, remedy),) = room.loss_problems({"loss_type": "ipo", "discopop_tau": 0.1})
    assert (place, said.partition(",")[0]) == (("discopop_tau",), "loss_type ipo does not read discopop_tau 0.1")
    assert "discopop" in remedy
    for sound in ({"loss_type": "discopop", "discopop_tau": 0.1}, {"discopop_tau": 0.05}, {}):
        assert not list(room.loss_problems(sound))


@pytest.mark.parametrize("name", ["dpo", "reward"])
def test_a_prompt_that_leaves_no_room_for_an_answer_is_a_problem(name: str) -> None:
    """Its rows would be cut first, and then be left out for their length."""
    plugin = TRAINERS.get(name)
    look = plugin.traits["problems"]
    ((place, said, remedy),) = look({"max_prompt_length": 1024})
    assert (place, said) == (
        ("max_prompt_length",), "max_prompt_length 1024 leaves no room for an answer in max_length 1024",
    )  # fmt: skip
    assert remedy == "lower it, or set it to null"
    assert list(look({"max_prompt_length": "512", "max_length": 256}))
    for sound in ({}, {"max_length": 64}, {"max_prompt_length": None}, {"max_prompt_length": 1023}):
        assert not list(look(sound))
    assert plugin.declare({}).model_dump()["max_prompt_length"] is None, "nothing is cut unless that is asked for"


@pytest.mark.parametrize("first", [None, LORA])
@pytest.mark.parametrize("beforehand", [True, False])
def test_the_reference_is_what_the_training_before_left(
    prefer: Train, taught: Any, base: ref.Base, pairs: Dataset, tmp_path: Path, first: Any, beforehand: bool
) -> None:
    """Its log-probabilities are those of the artefact before, which the base does not give."""
    before, path = taught(first), Path(str(base.path))
    asked: list[Any] = []
    stock = room.prove_start

    def noted(trainer: Any, given: Any) -> float:
        batch = trainer.batches(pairs)[0]
        rows = trainer.train_dataset.select(batch)
        told = [rows["ref_chosen_logps"], rows["ref_rejected_logps"]] if beforehand else None
        asked.append((batch, told or trainer._reference(pairs, batch).T.tolist()))
        return stock(trainer, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "prove_start", noted)
        facts = prefer("dpo", tmp_path / "b", before=before, peft=first, precompute_ref_log_probs=beforehand)
    assert facts["step0_max_log_ratio"] <= 1e-3
    ((batch, told),) = asked
    left, _ = load.trained(before, path)
    expected = [reading.log_probabilities(left.eval(), pairs[index]) for index in batch]
    plain = [reading.log_probabilities(load.causal_lm(base), pairs[batch[0]])]
    assert list(zip(*told, strict=True)) == [pytest.approx(one, abs=1e-3) for one in expected]
    assert abs(plain[0][0] - expected[0][0]) > 0.1


def test_asking_the_reference_beforehand_or_at_every_step_trains_alike(
    prefer: Train, taught: Any, tmp_path: Path
) -> None:
    before = taught(LORA)
    for name, beforehand in (("a", True), ("b", False)):
        prefer("dpo", tmp_path / name, before=before, peft=LORA, precompute_ref_log_probs=beforehand)
        kept = sorted(path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob("*.safetensors"))
        assert kept == ["adapter/adapter_model.safetensors"], "the copy of the adapter, ref/, is not kept"
        assert not list((tmp_path / name).rglob("ref/"))
    one, other = (load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in "ab")
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-3
    was = load_file(before / "adapter" / "adapter_model.safetensors")
    assert max(float((one[name] - was[name]).abs().max()) for name in one) > 1e-3


def test_every_pair_is_trained_once_an_epoch_and_the_curves_are_kept(
    prefer: Train, pairs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LOGGED_EVERY", 2)
    facts = prefer("dpo", tmp_path / "a", num_train_epochs=3)
    tokens = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in pairs)
    assert (facts["rows_seen"], facts["tokens_trained"]) == (3 * len(pairs), 3 * tokens)
    steps = [entry for entry in log_of(tmp_path / "a") if "loss" in entry]
    assert set(room._WATCHED) <= set(steps[0]) and "num_tokens" not in steps[0]
    assert steps[-1]["rewards/accuracies"] > 0.8 and steps[-1]["loss"] < 0.5, "it learns what it is shown"
    assert facts["rewards/chosen/first"] == steps[0]["rewards/chosen"]


def test_a_reference_that_is_not_the_policy_stops_before_the_first_step(
    prefer: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaven.train.trainers.dpo import ReproducibleDPO

    stock = ReproducibleDPO._reference

    def another(self: Any, rows: Any, batch: Any) -> torch.Tensor:
        return stock(self, rows, batch) + 0.5 * torch.tensor([[float(index == 3), 0.0] for index in batch])

    monkeypatch.setattr(ReproducibleDPO, "_reference", another)
    monkeypatch.setattr(ReproducibleDPO, "batches", lambda self, rows: [[index] for index in (3, 4, 5)])
    with pytest.raises(ModelError, match=r"differ before the first step: row 3 by 0\.5"):
        prefer("dpo", tmp_path / "a", precompute_ref_log_probs=False)
    assert not (tmp_path / "a" / "ref.json").exists()


@pytest.mark.parametrize("beside", [0.0, 5.0])
def test_what_is_no_number_does_not_pass_the_first_proof(beside: float) -> None:
    """Python's max() passes over a NaN that does not come first."""
    told = {7: beside, 3: math.nan, 5: 0.0}
    trainer = SimpleNamespace(model=SimpleNamespace(dtype="torch.float32"), log_ratios=lambda: told)
    with pytest.raises(ModelError, match="row 3 no finite log-probability before the first step.*model.dtype"):
        room.prove_start(trainer, {"bf16": False, "fp16": False})


def test_dropout_that_is_no_module_is_switched_off_too(
    prefer: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Llama's attention drops by a number; TRL's own switch knows modules alone."""
    from leaven.train.trainers import dpo

    def dropping(out: Path) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            stock = load.causal_lm

            def loaded(model: ref.Base) -> Any:
                made = stock(model)
                for layer in made.model.layers:
                    layer.self_attn.attention_dropout = 0.5
                return made

            patch.setattr(load, "causal_lm", loaded)
            return prefer("dpo", out, max_steps=1)

    assert dropping(tmp_path / "a")["step0_max_log_ratio"] <= 1e-3
    monkeypatch.setattr(dpo, "without_dropout", lambda model: None)
    with pytest.raises(ModelError, match="differ before the first step"):
        dropping(tmp_path / "b")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A checkpoint after every second step, and a crash after the fourth, the first time."""
    from leaven.train.trainers.dpo import ReproducibleDPO
    from leaven.train.trainers.steps import Steps

    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(run, "LOGGED_EVERY", 2)
    monkeypatch.setattr(Steps, "SHARE", 0)
    stock, crashed = ReproducibleDPO._save_checkpoint, []

    def save_then_crash(self: Any, model: Any, trial: Any) -> None:
        stock(self, model, trial)
        if self.state.global_step == 4 and not crashed:
            crashed.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(ReproducibleDPO, "_save_checkpoint", save_then_crash)
    yield


@pytest.mark.parametrize(("peft", "beforehand"), [(None, True), (LORA, True), (LORA, False)])
def test_a_resumed_training_ends_bit_equal(
    prefer: Train, taught: Any, tmp_path: Path, crashing: None, peft: Any, beforehand: bool
) -> None:
    args = {"before": taught(peft), "peft": peft, "precompute_ref_log_probs": beforehand, "num_train_epochs": 2}
    with pytest.raises(KeyboardInterrupt):
        prefer("dpo", tmp_path / "resumed", **args)
    resumed, whole = prefer("dpo", tmp_path / "resumed", **args), prefer("dpo", tmp_path / "whole", **args)
    assert resumed["resumed_from_step"] == 4 and whole["resumed_from_step"] is None
    apart = {"seconds", "resumed_from_step"}
    assert {name: resumed[name] for name in resumed if name not in apart} == {
        name: whole[name] for name in whole if name not in apart
    }
    file = "adapter/adapter_model.safetensors" if peft else "model.safetensors"
    one, other = (load_file(tmp_path / name / file) for name in ("resumed", "whole"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    timed = {"train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss"}
    logs = [
        [{name: value for name, value in entry.items() if name not in timed} for entry in log_of(tmp_path / name)]
        for name in ("resumed", "whole")
    ]
    assert logs[0] == logs[1]


def test_a_reloaded_artefact_gives_the_same_log_probabilities_and_a_harmed_one_does_not(
    prefer: Train, taught: Any, base: ref.Base, pairs: Dataset, tmp_path: Path
) -> None:
    from safetensors.torch import save_file

    out = tmp_path / "b"
    prefer("dpo", out, before=taught(LORA), peft=LORA)
    rows = list(pairs.select(range(reload.ROWS)))
    again, _ = load.trained(out, Path(str(base.path)))
    assert reload.prove(out, again, rows) <= 1e-4
    file = out / "adapter" / "adapter_model.safetensors"
    weights = load_file(file)
    name = next(name for name in sorted(weights) if "lora_B" in name)
    save_file({**weights, name: weights[name] * 1.5}, file, {"format": "pt"})
    harmed, _ = load.trained(out, Path(str(base.path)))
    with pytest.raises(ModelError, match="is not what was trained: training row 0's chosen answer"):
        reload.prove(out, harmed, rows)


def test_every_declared_argument_is_passed_to_trl() -> None:
    from leaven.train.trainers.dpo import config

    declared = set(inspect.signature(room.dpo).parameters) - room._NOT_ARGUMENTS
    defaults = {name: inspect.signature(room.dpo).parameters[name].default for name in declared}
    assert declared <= set(config(output_dir="x", **defaults).to_dict())
