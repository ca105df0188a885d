"""Distillation: the divergence against a plain computation, where it counts, who the teacher is, and resume."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset

from leaven import rows as tables
from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.registry import TRAINERS
from leaven.train import distill as room
from leaven.train import run
from leaven.train.job import Job

TEACHER = [1, 40, 41, 42, 43, 44]
COLUMNS = ["teacher_ids", "prompt_ids", "completion_ids"]
Train = Callable[..., dict[str, Any]]


def distillations(lengths: list[tuple[int, int]], before: list[int] | None = None) -> Dataset:
    """Rows of so many ids of prompt and answer; the teacher reads ``before`` in front. Answers hold the pad token."""
    made = []
    for at, (prompt, answer) in enumerate(lengths):
        asked = [1, *((50 + at * 7 + step) % 900 + 10 for step in range(prompt - 1))]
        said = [*((100 + at * 13 + step) % 900 + 10 for step in range(answer - 1)), 0]
        told = [*(TEACHER if before is None else before), *asked]
        made.append({"id": str(at), "teacher_ids": told, "prompt_ids": asked, "completion_ids": said})
    return Dataset(tables.table("distillations", made)).select_columns(COLUMNS)


UNEVEN = [(3, 4), (9, 1), (5, 7), (2, 2), (7, 5), (4, 3)]


@pytest.fixture
def few() -> Dataset:
    return distillations(UNEVEN)


def job_of(base: ref.Base, out: Path, **more: Any) -> Job:
    out.mkdir(exist_ok=True, parents=True)
    tokenizer = load.tokenizer(base)
    stops = load.stop_ids(tokenizer, load.saved_generation_config(base))
    return Job(out, 0, tokenizer, base.as_args(), stops, base_path=Path(str(base.path)), **more)


def trainer_of(base: ref.Base, out: Path, rows: Dataset, model: Any = None, **how: Any) -> Any:
    """Build the trainer as a training does, and start nothing."""
    schema = TRAINERS.get("distill").schema.model_fields
    given = {name: about.default for name, about in schema.items() if name not in room._NOT_ARGUMENTS}
    told = {"kl": "forward", "temperature": 1.0, "alpha": 0.0, **how}
    model = load.causal_lm(base) if model is None else model
    return room._trainer(job_of(base, out), model, rows, {**given, "per_device_train_batch_size": 4}, told, [])


def plain(
    model: Any, row: dict[str, Any], kl: str, temperature: float, teacher: Any = None
) -> tuple[list[float], float]:
    """Return the divergence of each token of a row's answer, and the answer's nats, each text read alone."""
    told = []
    for who, prompt in ((model, "prompt_ids"), (teacher or model, "teacher_ids")):
        ids = torch.tensor([row[prompt] + row["completion_ids"]])
        with torch.no_grad():
            logits = who.eval()(input_ids=ids).logits[0]
        told.append(logits[len(row[prompt]) - 1 : -1])
    learns, knows = (one / temperature for one in told)
    p, q = (learns, knows) if kl == "reverse" else (knows, learns)
    apart = (p.softmax(-1) * (p.log_softmax(-1) - q.log_softmax(-1))).sum(-1)
    nats = -told[0].log_softmax(-1).gather(1, torch.tensor(row["completion_ids"])[:, None]).sum()
    return apart.tolist(), float(nats)


@pytest.mark.parametrize("kl", ["forward", "reverse"])
@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 0.0), (2.5, 0.3)])
@pytest.mark.parametrize("keeps", [True, False])
def test_the_loss_is_that_of_a_plain_computation_row_by_row(
    base: ref.Base, few: Dataset, tmp_path: Path, kl: str, temperature: float, alpha: float, keeps: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The pad token within an answer counts, padding does not; with and without logits of some columns alone."""
    from leaven.train.trainers import distill

    if not keeps:
        monkeypatch.setattr(distill, "_keeps", lambda model: False)
    trainer = trainer_of(base, tmp_path, few, kl=kl, temperature=temperature, alpha=alpha)
    trainer.model.eval()
    batch = trainer._prepare_inputs(trainer.collated(list(few)))
    loss = float(trainer.compute_loss(trainer.model, batch, num_items_in_batch=22).detach())
    told = [plain(trainer.model, row, kl, temperature) for row in few]
    apart, nats = math.fsum(value for each, _ in told for value in each), math.fsum(nats for _, nats in told)
    want = ((1 - alpha) * temperature**2 * apart + alpha * nats) / 22
    assert math.isclose(loss, want, rel_tol=1e-4) and want > 1e-3
    assert trainer.seen == {"rows_seen": 6, "tokens_trained": 22}
    at_one = [value for row in few for value in plain(trainer.model, row, kl, 1.0)[0]]
    assert math.isclose(trainer.apart(list(few)), math.fsum(at_one) / 22, rel_tol=1e-4)
    assert math.isclose(trainer.apart(list(few), most=True), max(at_one), rel_tol=1e-3)


def test_logits_are_computed_of_answers_alone(base: ref.Base, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, distillations([(6, 2), (6, 2)]))
    widths = []
    trainer.model.get_output_embeddings().register_forward_hook(
        lambda module, given, made: widths.append(made.shape[1])
    )
    trainer.apart(trainer.sample())
    assert set(widths) == {2}


def test_behind_equal_prompts_a_student_and_itself_do_not_differ(base: ref.Base, few: Dataset, tmp_path: Path) -> None:
    trainer = trainer_of(base, tmp_path, few)
    given = {"bf16": False, "fp16": False}
    assert abs(room.prove_start(trainer, given)) < 1e-6 and trainer.apart(trainer.sample()) > 1e-3
    with torch.no_grad():
        trainer._teacher.model.get_input_embeddings().weight[60] += 1.0
    with pytest.raises(ModelError, match="student and teacher differ before the first step, behind equal prompts: by"):
        room.prove_start(trainer, given)


def test_nothing_of_the_teacher_drops_out_and_the_student_is_left_in_its_mode(
    base: ref.Base, few: Dataset, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    def over(**dropout: float) -> Any:
        model = load.causal_lm(base)
        for layer in model.model.layers:
            layer.self_attn.attention_dropout = 0.5
        return get_peft_model(model, LoraConfig(target_modules=["q_proj"], **dropout))

    trainer = trainer_of(base, tmp_path, few, over(lora_dropout=0.5))
    trainer.model.train()
    assert trainer._teacher.model is None, "no second copy is loaded"
    batch = trainer.collated(list(few))
    one, other = trainer._told(batch), trainer._told(batch)
    assert torch.equal(one, other) and trainer.model.training
    assert all(module.training for module in trainer.model.modules())
    wanted = [weight for name, weight in trainer.model.named_parameters() if "lora_" in name]
    assert wanted and all(weight.requires_grad for weight in wanted)


def go(base: ref.Base, rows: Dataset, out: Path, **given: Any) -> dict[str, Any]:
    named = {name: given.pop(name) for name in ("before", "teacher") if name in given}
    before = named.get("before")
    path = Path(str(base.path))
    model, adapter = (load.causal_lm(base), None) if before is None else load.continued(before, path)
    few = {"report_to": "none", "learning_rate": 2e-3, "per_device_train_batch_size": 4, **given}
    job = job_of(base, out, adapter=adapter, **named)
    facts: dict[str, Any] = TRAINERS.get("distill").call(job, model, rows, args=few)
    return facts


def weights(base: ref.Base, out: Path) -> dict[str, torch.Tensor]:
    model, _ = load.trained(out, Path(str(base.path)))
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


MANY = [(3 + at % 5, 2 + at % 4) for at in range(24)]


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [None, {"r": 4}])
def test_the_divergence_falls_and_the_teacher_stays(base: ref.Base, tmp_path: Path, peft: Any) -> None:
    rows = distillations(MANY)
    facts = go(base, rows, tmp_path / "a", peft=peft, num_train_epochs=6)
    assert facts["final_kl"] < 0.5 * facts["first_kl"] and facts["step0_max_kl"] < 1e-4
    assert facts["rows_seen"] == 6 * 24 and facts["tokens_trained"] == 6 * sum(answer for _, answer in MANY)
    student, _ = load.trained(tmp_path / "a", Path(str(base.path)))
    teacher = load.causal_lm(base)
    told = [value for row in rows for value in plain(student, row, "forward", 1.0, teacher)[0]]
    assert math.isclose(facts["final_kl"], math.fsum(told) / len(told), rel_tol=1e-3), "what is saved, by the base"
    log = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert [entry["kl"] for entry in log if "loss" in entry]


@pytest.mark.e2e
def test_the_teacher_is_the_jobs_or_the_base_whatever_was_trained_before(
    base: ref.Base, rows: Dataset, train: Train, tmp_path: Path
) -> None:
    train(tmp_path / "sft", num_train_epochs=1, report_to="none")
    few = distillations(MANY, before=[])
    learns = go(base, few, tmp_path / "a", teacher=tmp_path / "sft", num_train_epochs=6, learning_rate=2e-4)
    assert learns["final_kl"] < 0.7 * learns["first_kl"] and "step0_max_kl" not in learns
    assert ref.ModelRef.load(tmp_path / "a").lineage[-1]["learned_from"]
    back = go(base, few, tmp_path / "b", before=tmp_path / "sft", max_steps=2)
    assert math.isclose(back["first_kl"], measured(base, few, tmp_path / "sft"), rel_tol=1e-3), "the base teaches"
    itself = go(base, few, tmp_path / "c", before=tmp_path / "sft", teacher=tmp_path / "sft", max_steps=2)
    assert itself["step0_max_kl"] < 1e-4 and abs(itself["first_kl"]) < 1e-4


def measured(base: ref.Base, rows: Dataset, student: Path) -> float:
    model, teacher = load.trained(student, Path(str(base.path)))[0], load.causal_lm(base)
    told = [value for row in rows for value in plain(model, row, "forward", 1.0, teacher)[0]]
    return math.fsum(told) / len(told)


@pytest.mark.e2e
def test_a_teacher_of_other_tokens_is_refused(base: ref.Base, few: Dataset, train: Train, tmp_path: Path) -> None:
    train(tmp_path / "sft", max_steps=1, report_to="none")
    grown = replace(base, added_tokens=("<|a|>",))
    with pytest.raises(ModelError, match=r"other tokens than its student \(1024 and 1025 of them\)"):
        go(grown, few, tmp_path / "a", teacher=tmp_path / "sft")


class _Crash(Exception):
    pass


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [None, {"r": 4, "lora_dropout": 0.1}])
def test_a_resumed_training_ends_bit_equal_with_its_snapshots(
    base: ref.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peft: Any
) -> None:
    from leaven.train.trainers.distill import ReproducibleDistill
    from leaven.train.trainers.steps import Steps

    rows, monkey = distillations(MANY), monkeypatch
    given = {"peft": peft, "num_train_epochs": 2, "snapshots": [0.5, 2], "alpha": 0.2}
    monkey.setattr(run, "LOGGED_EVERY", 4)
    whole = go(base, rows, tmp_path / "whole", **given)
    with monkey.context() as crashing:
        crashing.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
        crashing.setattr(Steps, "SHARE", 0)
        stock = ReproducibleDistill._save_checkpoint

        def save_then_crash(self: Any, model: Any, trial: Any) -> None:
            stock(self, model, trial)
            if self.state.global_step == 8:
                raise _Crash

        crashing.setattr(ReproducibleDistill, "_save_checkpoint", save_then_crash)
        with pytest.raises(_Crash):
            go(base, rows, tmp_path / "a", **given)
    facts = go(base, rows, tmp_path / "a", **given)
    assert facts["resumed_from_step"] == 8 and facts["snapshots"] == [0.5, 2]
    told = ("first_loss", "final_loss", "first_kl", "final_kl", "rows_seen", "tokens_trained")
    assert [facts[name] for name in told] == [whole[name] for name in told]
    for name in ("", "snapshots/0.5", "snapshots/2"):
        assert equal(weights(base, tmp_path / "a" / name), weights(base, tmp_path / "whole" / name)), name
    assert (tmp_path / "a" / "log.jsonl").read_text().count('"kl"') == 3


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [{}, {"peft": {"r": 4}}])
def test_two_processes_under_ddp_equal_one(base: ref.Base, tmp_path: Path, peft: dict[str, Any]) -> None:
    """With a last step of one row, of which the second process has nothing."""
    from leaven.stages import training

    (encoded := tmp_path / "encoded").mkdir()
    lines = [{"id": str(at), **row} for at, row in enumerate(distillations(MANY[:17]))]
    tables.write(encoded / "distillations.parquet", "distillations", lines)
    given = {"learning_rate": 1e-3, "num_train_epochs": 2, "per_device_train_batch_size": 2,
             "gradient_accumulation_steps": 2, "snapshots": [1], **peft}  # fmt: skip
    ends: list[dict[str, dict[str, torch.Tensor]]] = []
    told: list[dict[str, Any]] = []
    for how in ({}, {"launch": {"preset": "ddp", "processes": 2}}):
        (out := tmp_path / str(len(ends))).mkdir()
        around = {"report_to": "none", **how}
        args = {"model": base.as_args(), "seed": 3, "trainer": {"name": "distill", "args": given}, "around": around}
        told.append(training.train(args, {"encoded": encoded, "base": Path(str(base.path))}, out))
        ends.append({name: weights(base, out / name) for name in ("", "snapshots/1")})
    assert told[1]["launch"] == "ddp x 2" and told[0]["rows_seen"] == told[1]["rows_seen"] == 34
    for name in ("first_kl", "final_kl", "first_loss"):
        assert told[1][name] == pytest.approx(told[0][name], rel=1e-3), name
    for at, alone in ends[0].items():
        assert max(float((alone[name] - ends[1][at][name]).abs().max()) for name in alone) < 1e-4, at


def test_accumulated_batches_count_each_token_alike(base: ref.Base, tmp_path: Path) -> None:
    """A step of 6 rows and one of 2 x 3 rows lead to the same weights, though their answers differ in length."""
    rows, ends = distillations(UNEVEN), []
    for batch, times in ((6, 1), (3, 2)):
        out = tmp_path / str(batch)
        go(base, rows, out, per_device_train_batch_size=batch, gradient_accumulation_steps=times, max_steps=1, optim="sgd",
           learning_rate=1.0, train_sampling_strategy="random")  # fmt: skip
        ends.append(weights(base, out))
    assert max(float((ends[0][name] - ends[1][name]).abs().max()) for name in ends[0]) < 1e-6
    start = load.causal_lm(base).state_dict()
    assert max(float((ends[0][name] - start[name]).abs().max()) for name in start) > 1e-4


def test_what_cannot_work_is_said_beforehand() -> None:
    (problem,) = room._problems({"alpha": 1})
    assert "alpha 1 trains on the teacher's answers alone" in problem[1]
    (late,) = room._problems({"snapshots": [4]})
    assert "4 lies beyond the end of the training, 3 epochs" in late[1]


def test_every_declared_argument_is_passed_on_or_applied_elsewhere() -> None:
    from leaven.train.trainers.distill import How, config

    fields = TRAINERS.get("distill").schema.model_fields
    passed = set(fields) - room._NOT_ARGUMENTS
    made = config(output_dir="x", **{name: fields[name].default for name in passed})
    assert passed <= set(made.to_dict()) and set(How._fields) == room._LOSS
    assert How() == How(**{name: fields[name].default for name in room._LOSS})


def test_a_launch_that_shards_is_refused() -> None:
    from leaven.train.spread import Spread, preset
    from leaven.train.trainers.distill import config

    for name in ("zero3", "fsdp2"):
        with pytest.raises(
            ModelError, match=f"{name} cuts the model into shards, and distill asks a teacher beside it"
        ):
            config(Spread(preset(name), 2, 0), output_dir="x")
