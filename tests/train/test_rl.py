"""Reinforcement learning: the reference, the reward's nulls, seeds, resume, what is asked and what is kept."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from leaven.data import chat
from leaven.errors import ModelError
from leaven.models import load, ref
from leaven.registry import TRAINERS
from leaven.train import reload, run
from leaven.train import rl as room
from leaven.train.job import Job
from leaven.train.trainers.groups import Groups

LORA = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}
GOLDEN = Path(__file__).parent.parent / "golden"
BOTH = ("rloo", "grpo")
Go = Callable[..., dict[str, Any]]


def shortness(prompts: Sequence[Any], answers: Sequence[str]) -> list[float | None]:
    return [-float(len(answer.split())) for answer in answers]


@pytest.fixture(scope="session")
def asked(base: ref.Base) -> Dataset:
    people = ("Mira", "Tomas", "Odo", "Brine", "Ilsa", "Wren")
    prompts = [[{"role": "user", "content": f"Where does {name} live?"}] for name in people]
    ids = chat.prompt_ids(load.tokenizer(base), prompts)
    return Dataset.from_list([{"prompt": one, "prompt_ids": each} for one, each in zip(prompts, ids, strict=True)])


@pytest.fixture(scope="session")
def go(base: ref.Base, asked: Dataset) -> Go:
    """Train by rewards, from the base or from what an earlier training left there."""

    def train(out: Path, seed: int = 0, before: Path | None = None, reward: Any = shortness, **args: Any) -> Any:
        out.mkdir(exist_ok=True, parents=True)
        path, tokenizer = Path(str(base.path)), load.tokenizer(base)
        model, adapter = (load.causal_lm(base), None) if before is None else load.continued(before, path)
        stops = load.stop_ids(tokenizer, load.saved_generation_config(base))
        spread, rows = args.pop("spread", None), args.pop("rows", asked)
        job = Job(out, seed, tokenizer, base.as_args(), stops, before=before, adapter=adapter, reward=reward,
                  spread=spread)  # fmt: skip
        few = {"report_to": "none", "max_completion_length": 12, "learning_rate": 1e-3, "max_steps": 3, **args}
        return TRAINERS.get("rl").call(job, model, rows, args=few)

    return train


@pytest.fixture(scope="module")
def taught(train: Go, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """What a supervised training left: an adapter, or the whole; each made once."""
    made: dict[str, Path] = {}

    def left(peft: Any) -> Path:
        if (name := json.dumps(peft)) not in made:
            made[name] = tmp_path_factory.mktemp("sft")
            train(made[name], peft=peft, report_to="none", num_train_epochs=3)
        return made[name]

    return left


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in sorted(folder.rglob("*.safetensors")):
        found |= load_file(file)
    return found


def apart(one: Path, other: Path) -> float:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize("peft", [None, LORA])
def test_the_reference_is_what_the_training_before_left(
    go: Go, taught: Any, base: ref.Base, asked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    algorithm: str, peft: Any,
) -> None:  # fmt: skip
    """Its log-probabilities are those of the artefact before, which the base does not give; so KL begins at 0."""
    before, path, ids = taught(peft), Path(str(base.path)), asked[0]["prompt_ids"]
    told: list[torch.Tensor] = []
    stock = room.prove_start

    def noted(trainer: Any, given: Any) -> float:
        told.append(trainer._reference(ids))
        return stock(trainer, given)

    monkeypatch.setattr(room, "prove_start", noted)
    facts = go(tmp_path / "a", before=before, peft=peft, algorithm=algorithm, max_steps=2)
    assert facts["step0_max_log_ratio"] <= 1e-3
    assert abs(facts["kl/first"]) <= 1e-3 and facts["kl/last"] != facts["kl/first"]

    def of(model: Any) -> torch.Tensor:
        with torch.no_grad():
            logits = model.eval()(input_ids=torch.tensor([ids])).logits[0, :-1]
        return torch.log_softmax(logits, -1).gather(1, torch.tensor(ids)[1:, None])[:, 0]

    left, _ = load.trained(before, path)
    assert torch.allclose(told[0], of(left), atol=1e-3)
    assert float((told[0] - of(load.causal_lm(base))).abs().max()) > 0.1, "it is not the bare base"


@pytest.mark.parametrize("algorithm", BOTH)
def test_the_reference_stays_and_is_not_kept(
    go: Go, taught: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    made: list[Any] = []
    stock = room.prove_start
    monkeypatch.setattr(room, "prove_start", lambda trainer, given: (made.append(trainer), stock(trainer, given))[1])
    go(tmp_path / "a", before=taught(LORA), peft=LORA, algorithm=algorithm, learning_rate=1e-2)
    named = dict(made[0].model.named_parameters())
    ref_b = [name for name in named if "lora_B.ref." in name]
    was = weights(taught(LORA))
    for name in ref_b:
        kept = was[name.replace(".ref.", ".")]
        assert torch.equal(named[name].cpu(), kept) and not torch.equal(named[name.replace(".ref.", ".default.")], kept)
    assert ref_b
    kept_files = sorted(file.relative_to(tmp_path / "a").as_posix() for file in (tmp_path / "a").rglob("*.safeten*"))
    assert [name for name in kept_files if not name.startswith("resume/")] == ["adapter/adapter_model.safetensors"]


def test_a_reference_that_is_another_is_an_error(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leaven.train.trainers.rl import Sampled

    monkeypatch.setattr(Sampled, "_reference", lambda self, ids: self._told(self.model, ids) + 0.1)
    with pytest.raises(ModelError, match=r"differ before the first step: a token of a prompt by 0\.1 nats"):
        go(tmp_path / "a")


def test_without_beta_there_is_no_reference_and_no_divergence(go: Go, tmp_path: Path) -> None:
    for algorithm in BOTH:
        facts = go(tmp_path / algorithm, algorithm=algorithm, beta=0, max_steps=1)
        assert "step0_max_log_ratio" not in facts and "kl/first" not in facts
        assert math.isfinite(facts["reward/first"])


@pytest.mark.parametrize("algorithm", BOTH)
def test_answers_without_a_reward_are_counted_and_move_nothing(go: Go, tmp_path: Path, algorithm: str) -> None:
    """Null, NaN or infinite alike: where the others of a group are worth the same, no weight moves."""

    def some(prompts: Any, answers: Sequence[str]) -> list[float | None]:
        return [1.0, None, math.nan, math.inf] * (len(answers) // 4)

    facts = go(tmp_path / "a", reward=some, algorithm=algorithm, beta=0, per_device_train_batch_size=8, max_steps=2)
    assert (facts["answers_sampled"], facts["reward_unscored"]) == (16, 12)
    assert facts["reward/first"] == facts["reward/last"] == 1.0, "the mean is that of answers with a reward"
    assert max(abs(entry["grad_norm"]) for entry in log_of(tmp_path / "a") if "grad_norm" in entry) == 0.0


def test_null_has_no_part_in_the_others_baseline(go: Go, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two answers with a reward among two without train as those two would among themselves."""
    from leaven.train.trainers.rl import ReproducibleRLOO

    seen: list[list[float]] = []
    stock = ReproducibleRLOO._compute_loss

    def noted(self: Any, model: Any, inputs: Any) -> Any:
        seen.append(sorted(inputs["advantages"].tolist()))
        return stock(self, model, inputs)

    monkeypatch.setattr(ReproducibleRLOO, "_compute_loss", noted)
    go(tmp_path / "a", reward=lambda _, answers: [5.0, None, 3.0, None], beta=0, per_device_train_batch_size=4,
       max_steps=1)  # fmt: skip
    assert seen == [[-2.0, 0.0, 0.0, 2.0]]


def test_a_step_without_any_reward_is_an_error(go: Go, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the reward gave none of the 8 answers of step 1 a number.*the first was"):
        go(tmp_path / "a", reward=lambda _, answers: [None] * len(answers))


def test_what_is_asked_are_our_ids_and_what_is_rewarded_reads_as_anywhere(
    go: Go, base: ref.Base, asked: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaven.train.trainers.rl import ReproducibleRLOO

    put: list[Any] = []
    stock = ReproducibleRLOO._generate_single_turn

    def noted(self: Any, ids: Any, *more: Any) -> Any:
        put.append((ids, made := stock(self, ids, *more), self.generation_config.eos_token_id))
        return made

    read: list[tuple[Any, list[str]]] = []

    def reward(prompts: Any, answers: Any) -> list[float | None]:
        read.append((prompts, answers))
        return shortness(prompts, answers)

    monkeypatch.setattr(ReproducibleRLOO, "_generate_single_turn", noted)
    go(tmp_path / "a", reward=reward, max_steps=1)
    ((ids, made, stops),), ((prompts, answers),) = put, read
    tokenizer = load.tokenizer(base)
    assert ids == chat.prompt_ids(tokenizer, prompts) and len(ids) == 8
    assert ids[0] == ids[3] != ids[4] == ids[7], "a group answers one prompt"
    assert list(stops) == load.stop_ids(tokenizer, load.saved_generation_config(base))
    for each, answer in zip(made, answers, strict=True):
        assert not set(each[:-1]) & set(stops), "an answer ends at its first stop id"
        assert answer == tokenizer.decode([one for one in each if one not in stops], skip_special_tokens=True).strip()


@pytest.mark.parametrize("algorithm", ["rloo", pytest.param("grpo", marks=pytest.mark.e2e)])
def test_the_seed_alone_decides(go: Go, tmp_path: Path, algorithm: str) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        go(tmp_path / name, seed=seed, algorithm=algorithm, peft=LORA)
    assert apart(tmp_path / "a", tmp_path / "b") == 0.0 < apart(tmp_path / "a", tmp_path / "c")
    first, second = (log_of(tmp_path / name)[:-1] for name in "ab")
    assert first == second, "nothing that is logged differs from run to run"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("algorithm", "peft", "passes"), [("rloo", LORA, 1), ("grpo", None, 2), ("rloo", None, 2), ("grpo", LORA, 1)]
)
def test_a_killed_training_ends_bit_equal(
    go: Go, taught: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, peft: Any, passes: int
) -> None:
    """Killed in its third epoch; with several passes over the same answers a checkpoint waits for new ones."""
    from leaven.train.trainers.rl import Sampled
    from leaven.train.trainers.steps import Steps

    monkeypatch.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(Steps, "SHARE", 0)
    args = {"before": taught(peft), "peft": peft, "algorithm": algorithm, "num_iterations": passes, "max_steps": -1,
            "num_train_epochs": 3, "gradient_accumulation_steps": 2, "per_device_train_batch_size": 4}  # fmt: skip
    whole = go(tmp_path / "whole", **args)
    assert whole["steps"] == 9 * passes
    stock, at = Sampled.training_step, [0]

    def dying(self: Any, *more: Any, **named: Any) -> Any:
        at[0] += 1
        if at[0] == 2 * 8 * passes:
            raise Killed
        return stock(self, *more, **named)

    monkeypatch.setattr(Sampled, "training_step", dying)
    with pytest.raises(Killed):
        go(tmp_path / "killed", **args)
    monkeypatch.setattr(Sampled, "training_step", stock)
    facts = go(tmp_path / "killed", **args)
    assert facts["resumed_from_step"] == 7 * passes, "the newest step after which new answers come"
    shutil.rmtree(tmp_path / "whole" / "resume")
    shutil.rmtree(tmp_path / "killed" / "resume")
    assert apart(tmp_path / "whole", tmp_path / "killed") == 0.0
    local = ("seconds", "resumed_from_step")
    assert {k: v for k, v in facts.items() if k not in local} == {k: v for k, v in whole.items() if k not in local}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("algorithm", "more"),
    [
        ("grpo", {"loss_type": "grpo", "scale_rewards": "batch"}),
        ("grpo", {"loss_type": "dr_grpo", "scale_rewards": "none", "mask_truncated_completions": True}),
        ("grpo", {"loss_type": "bnpo", "num_iterations": 2, "epsilon_high": 0.28}),
        ("grpo", {"loss_type": "cispo", "num_iterations": 2, "epsilon_high": 5.0}),
        ("rloo", {"normalize_advantages": True, "num_iterations": 2, "top_p": 0.9, "temperature": 0.7}),
        ("rloo", {"mask_truncated_completions": True, "bf16": True, "activation_checkpointing": True}),
    ],
)
def test_other_ways_train(go: Go, tmp_path: Path, algorithm: str, more: Any) -> None:
    facts = go(tmp_path / "a", algorithm=algorithm, peft=LORA, **more)
    assert facts["steps"] == 3 and facts["rows_seen"] == 24 and math.isfinite(facts["final_loss"])


@pytest.mark.e2e
@pytest.mark.parametrize("algorithm", BOTH)
def test_the_reward_rises(go: Go, tmp_path: Path, algorithm: str) -> None:
    facts = go(tmp_path / "a", algorithm=algorithm, peft={**LORA, "lora_dropout": 0.0}, max_steps=40,
               learning_rate=5e-3, per_device_train_batch_size=16, max_completion_length=24)  # fmt: skip
    told = [entry["reward"] for entry in log_of(tmp_path / "a") if "reward" in entry]
    assert sum(told[-5:]) / 5 > sum(told[:5]) / 5 + 2, "answers got shorter by two words and more"
    assert facts["kl/last"] > 1e-3


def test_what_is_kept(go: Go, base: ref.Base, asked: Dataset, tmp_path: Path) -> None:
    facts = go(tmp_path / "a", peft=LORA)
    told = ref.ModelRef.load(tmp_path / "a")
    assert told.makes == "policy" and told.adapters == ("adapter",) and told.lineage[-1]["trainer"] == "rl"
    assert facts["rows"] == len(asked) and facts["rows_seen"] == facts["answers_sampled"] == 24
    names = {"loss", "reward", "reward_std", "kl", "entropy", "completions/mean_length", "completions/clipped_ratio"}
    assert [names <= entry.keys() for entry in log_of(tmp_path / "a")] == [True] * 3 + [False]
    logged = set().union(*log_of(tmp_path / "a"))
    assert not {"step_time", "num_tokens"} & logged and not [one for one in logged if one.startswith("rewards/")]
    assert {f"{name}/{end}" for name in room.WATCHED for end in ("first", "last")} <= facts.keys()
    model, _ = load.trained(tmp_path / "a", Path(str(base.path)))
    rows = [{"input_ids": row["prompt_ids"]} for row in asked]
    assert reload.prove(tmp_path / "a", model, rows) < 1e-4
    with pytest.raises(ModelError, match="not what was trained"):
        reload.prove(tmp_path / "a", load.causal_lm(base), rows)


def test_what_cannot_be_trained_is_said_before_the_first_answer(go: Go, asked: Dataset, tmp_path: Path) -> None:
    for wrong, said in (
        ({"reward": None}, "rl needs a reward"),
        ({"spread": SimpleNamespace(processes=2)}, "launch: rl trains in one process"),
        ({"rows": asked.select([0])}, "a step asks 2 prompts .* and there are 1; lower the batch"),
        ({"peft": {**LORA, "target_modules": ["lm_head"]}}, "rl cannot train an adapter on the head"),
        ({"num_generations": 3}, "a step of 8 answers .* holds no whole groups of 3; make one a multiple"),
        ({"loss_type": "grpo"}, "rloo does not read loss_type grpo.*set algorithm to grpo"),
    ):
        with pytest.raises(ModelError, match=said):
            go(tmp_path / "a", **wrong)


def test_an_argument_that_the_other_algorithm_reads_is_a_problem() -> None:
    """It would be left out silently and move the key."""
    for args, place in (
        ({"scale_rewards": "none"}, "scale_rewards"),
        ({"algorithm": "grpo", "normalize_advantages": True}, "normalize_advantages"),
        ({"per_device_train_batch_size": 6}, "num_generations"),
    ):
        ((where, _, remedy),) = room.problems(args)
        assert where == (place,) and remedy
    for sound in ({}, {"algorithm": "grpo", "loss_type": "bnpo"}, {"normalize_advantages": True},
                  {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}):  # fmt: skip
        assert not list(room.problems(sound))


def test_prompts_are_asked_in_groups_in_an_order_of_seed_and_epoch() -> None:
    order = Groups(prompts=7, at_once=3, answers=2, passes=2, seed=5)
    first = list(order)
    assert len(first) == len(order) == 24 and first == list(order)
    for start in (0, 12):
        a, b, c = first[start], first[start + 2], first[start + 4]
        assert first[start : start + 12] == [a, a, b, b, c, c] * 2, "what is asked is repeated for its second pass"
    assert len(set(first)) == 6, "no prompt twice in an epoch; the seventh waits"
    order.set_epoch(1)
    assert list(order) != first
    again = Groups(prompts=7, at_once=3, answers=2, passes=2, seed=5)
    again.set_epoch(1)
    assert list(again) == list(order), "a resumed training goes on in the same order"


@pytest.mark.parametrize("name", ["GRPO", "RLOO"])
def test_upstream_defaults_that_drift_are_seen(name: str) -> None:
    import trl

    made: Any = getattr(trl, f"{name}Config")(output_dir="x", bf16=False, use_cpu=True)
    defaults = {
        field: value
        for field, value in made.to_dict().items()
        if not field.endswith(("_dir", "token")) and field != "logging_dir"
    }
    golden = GOLDEN / f"trl_{name.lower()}_defaults.json"
    assert json.loads(json.dumps(defaults, default=str)) == json.loads(golden.read_text())


def test_a_log_says_nothing_of_the_names_by_which_libraries_ask_each_other(go: Go, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        go(tmp_path / "a", peft=LORA, max_steps=1)
    assert not [one for one in said if "is_gradient_checkpointing" in str(one.message)]
