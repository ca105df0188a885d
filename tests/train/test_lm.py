"""Language models trained on blocks: what is trained, resume, snapshots, equal amounts, and rows of added tokens."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file

from leaven import rows as tables
from leaven.errors import ModelError
from leaven.models import load, ref, rewarding
from leaven.registry import TRAINERS
from leaven.train import run, schedule
from leaven.train.job import Job
from leaven.train.lm import _ARGUMENTS, _ELSEWHERE, _problems

pytestmark = pytest.mark.e2e  # trains many times

TOKENS = ("<|neg|>", "<|pos|>")
Train = Callable[..., dict[str, Any]]
ARGS: dict[str, Any] = {"learning_rate": 1e-2, "per_device_train_batch_size": 4, "report_to": "none"}


@pytest.fixture(scope="module", params=["tied", "untied"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ref.Base:
    return tiny(tmp_path_factory.mktemp("tiny"), tied=request.param == "tied")


def tiny(folder: Path, *, tied: bool) -> ref.Base:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=1024, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=tied, eos_token_id=2,
        attention_dropout=0.1,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(folder)
    load.tokenizer(ref.resolve({"model_name_or_path": "pocket"})).save_pretrained(folder)
    return replace(ref.resolve({"model_name_or_path": str(folder)}), added_tokens=TOKENS)


def blocks(lengths: list[int]) -> Dataset:
    rng = np.random.default_rng(0)
    made = [[1, 1024 + at % 2, *rng.integers(3, 60, size - 2).tolist()] for at, size in enumerate(lengths)]
    lines = [{"id": str(at), "input_ids": ids, "labels": ids} for at, ids in enumerate(made)]
    return Dataset(tables.table("encoded", lines)).select_columns(["input_ids", "labels"])


@pytest.fixture(scope="module")
def rows() -> Dataset:
    return blocks([16] * 40)


def train(
    base: ref.Base,
    rows: Dataset,
    out: Path,
    seed: int = 0,
    before: Path | None = None,
    by: str = "lm",
    held: Dataset | None = None,
    **args: Any,
) -> dict[str, Any]:
    out.mkdir(exist_ok=True, parents=True)
    path, tokenizer = Path(str(base.path)), load.tokenizer(base)
    model, adapter = (load.causal_lm(base, seed), None) if before is None else load.continued(before, path)
    job = Job(out, seed, tokenizer, base.as_args(), load.stop_ids(tokenizer, None), before=before, adapter=adapter,
              held=held)  # fmt: skip
    facts: dict[str, Any] = TRAINERS.get(by).call(job, model, rows, args={**ARGS, **args})
    return facts


def weights(base: ref.Base, out: Path) -> dict[str, torch.Tensor]:
    model, _ = load.trained(out, Path(str(base.path)))
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_every_token_is_trained_once_an_epoch_and_the_loss_is_the_models_own(base: ref.Base, tmp_path: Path) -> None:
    """In batches of blocks that differ in length too: padding is neither trained nor read."""
    rows = blocks([5, 9, 16, 12, 7, 3, 16, 10])
    facts = train(base, rows, tmp_path / "a", learning_rate=1e-6, per_device_train_batch_size=8, max_grad_norm=0)
    assert (facts["rows_seen"], facts["tokens_trained"], facts["steps"]) == (8, 78, 1)
    model = load.causal_lm(base).eval()
    nats = 0.0
    for ids in rows["input_ids"]:
        with torch.no_grad():
            nats += float(model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss) * (len(ids) - 1)
    assert math.isclose(facts["first_loss"], nats / (78 - 8), rel_tol=0.02), "but for dropout"


@pytest.mark.parametrize("peft", [None, {"r": 4, "lora_dropout": 0.1}])
def test_a_resumed_training_ends_bit_equal_and_keeps_its_snapshots(
    base: ref.Base, rows: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peft: Any
) -> None:
    from leaven.train.trainers.lm import ReproducibleLM
    from leaven.train.trainers.steps import Steps

    given = {"peft": peft, "num_train_tokens": 1600, "snapshots": [0.1, 0.5, 1.0], "gradient_accumulation_steps": 2}
    monkeypatch.setattr(run, "LOGGED_EVERY", 4)
    whole = train(base, rows, tmp_path / "whole", **given)
    with monkeypatch.context() as crashing:
        crashing.setattr(run, "CHECKPOINT_EVERY_S", 0.0)
        crashing.setattr(Steps, "SHARE", 0)
        stock = ReproducibleLM._save_checkpoint

        def save_then_crash(self: Any, model: Any, trial: Any) -> None:
            stock(self, model, trial)
            if self.state.global_step == 8:
                raise KeyboardInterrupt

        crashing.setattr(ReproducibleLM, "_save_checkpoint", save_then_crash)
        with pytest.raises(KeyboardInterrupt):
            train(base, rows, tmp_path / "a", **given)
    for left in (tmp_path / "a").iterdir():
        assert left.name == "resume", "the engine clears all else, so what must survive lies there"
    facts = train(base, rows, tmp_path / "a", **given)
    assert facts["resumed_from_step"] == 8 and whole["resumed_from_step"] is None
    assert facts["steps"] == whole["steps"] == 13 and facts["tokens_trained"] == whole["tokens_trained"]
    for name in ("", "snapshots/0.1", "snapshots/0.5", "snapshots/1"):
        assert equal(weights(base, tmp_path / "a" / name), weights(base, tmp_path / "whole" / name)), name


@pytest.mark.parametrize("peft", [None, {"r": 4}])
def test_a_snapshot_is_what_a_training_that_ends_there_leaves(
    base: ref.Base, rows: Dataset, tmp_path: Path, peft: Any
) -> None:
    steady = {"lr_scheduler_type": "constant", "peft": peft}
    train(base, rows, tmp_path / "a", num_train_epochs=2, snapshots=[0.5, 1.25, 2], **steady)
    for epochs in (0.5, 1.25, 2):
        train(base, rows, tmp_path / f"{epochs:g}", num_train_epochs=epochs, **steady)
        snapshot = tmp_path / "a" / "snapshots" / f"{epochs:g}"
        assert equal(weights(base, snapshot), weights(base, tmp_path / f"{epochs:g}")), epochs
        assert ref.ModelRef.load(snapshot).lineage[-1]["snapshot"] == epochs
    assert equal(weights(base, tmp_path / "a" / "snapshots" / "2"), weights(base, tmp_path / "a"))


@pytest.mark.parametrize("bf16", [False, True])
def test_snapshots_do_not_change_the_training(base: ref.Base, rows: Dataset, tmp_path: Path, bf16: bool) -> None:
    train(base, rows, tmp_path / "a", snapshots=[0.3, 0.6], bf16=bf16)
    train(base, rows, tmp_path / "b", bf16=bf16)
    assert equal(weights(base, tmp_path / "a"), weights(base, tmp_path / "b"))


def test_a_held_out_loss_is_by_epoch_and_snapshot_and_changes_nothing(
    base: ref.Base, rows: Dataset, tmp_path: Path
) -> None:
    """It is the model's own loss over all held-out tokens, whatever the batches."""
    held = blocks([5, 9, 16, 12, 7, 3, 16])
    told = {"num_train_epochs": 2, "snapshots": [0.5, 2]}
    facts = train(base, rows, tmp_path / "a", held=held, **told)
    train(base, rows, tmp_path / "b", **told)
    assert equal(weights(base, tmp_path / "a"), weights(base, tmp_path / "b"))
    log = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    found = {entry["step"]: entry["eval_loss"] for entry in log if "eval_loss" in entry}
    assert list(found) == [5, 10, 20], "at the snapshot within the first epoch, and at both epochs' ends"
    assert (facts["eval_loss/first"], facts["eval_loss/last"]) == (found[5], found[20])
    for at, step in ((0.5, 5), (2, 20)):
        model, _ = load.trained(tmp_path / "a" / "snapshots" / f"{at:g}", Path(str(base.path)))
        assert math.isclose(found[step], loss_of(model.eval(), held), rel_tol=1e-4), at
    assert "eval_loss" not in (tmp_path / "b" / "log.jsonl").read_text()


def loss_of(model: Any, rows: Dataset) -> float:
    """Return the mean loss over the tokens of some blocks, one by one."""
    nats = 0.0
    for ids in rows["input_ids"]:
        with torch.no_grad():
            nats += float(model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss) * (len(ids) - 1)
    return nats / sum(len(ids) - 1 for ids in rows["input_ids"])


def test_arms_of_different_sizes_train_on_as_many_tokens(base: ref.Base, tmp_path: Path) -> None:
    few, many = blocks([16] * 6), blocks([16] * 40)
    told = [train(base, rows, tmp_path / str(len(rows)), num_train_tokens=500) for rows in (few, many)]
    assert [one["tokens_trained"] for one in told] == [5 * 96 + 64, 8 * 64], "the end is that of a step"
    assert [one["steps"] for one in told] == [11, 8]


def test_a_schedule_by_tokens_counts_the_very_batches_of_the_seed() -> None:
    lengths = np.array([5, 9, 16, 12, 7, 3, 16, 10, 4])
    made = schedule.by_tokens(lengths, 4, 3, 200, [0.25, 1.0])
    assert made.tokens is not None and made.tokens >= 200 and made.snapshots[1.0] == made.max_steps
    assert made.snapshots[0.25] < made.max_steps and made.max_steps == 3 * (82 * 2 < 200) * 2 + made.max_steps % 3
    again = schedule.by_tokens(lengths, 4, 3, made.tokens, [])
    assert again.max_steps == made.max_steps and schedule.by_tokens(lengths, 4, 3, made.tokens + 1, []).max_steps > 0


def test_an_adapter_saves_the_rows_of_the_added_tokens_and_no_others(
    base: ref.Base, rows: Dataset, tmp_path: Path
) -> None:
    facts = train(base, rows, tmp_path / "a", peft={"r": 4})
    assert facts["final_loss"] is not None
    stored = load_file(tmp_path / "a" / "adapter" / "adapter_model.safetensors")
    deltas = {name: value for name, value in stored.items() if "lora_" not in name}
    untied = not load.config(base).tie_word_embeddings
    assert len(deltas) == 1 + untied and all(value.shape == (2, 16) for value in deltas.values())
    start, end = load.causal_lm(base), load.trained(tmp_path / "a", Path(str(base.path)))[0]
    ids = torch.arange(1026)
    was, now = start.get_input_embeddings()(ids), end.get_input_embeddings()(ids)
    assert torch.equal(was[:1024], now[:1024]) and not torch.isclose(was[1024:], now[1024:]).all(dim=1).any()
    told = json.loads((tmp_path / "a" / "reload.json").read_text())
    from leaven.train import reload

    assert reload.prove(tmp_path / "a", end, rows.select(range(4)).to_list()) < 1e-5 and told["makes"] == "texts"


def test_an_adapter_over_a_grown_base_is_gone_on_with(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    first = train(base, rows, tmp_path / "a", peft={"r": 4}, num_train_epochs=3)
    second = train(base, rows, tmp_path / "b", before=tmp_path / "a", peft={"r": 4})
    assert second["first_loss"] < first["first_loss"]
    third = train(base, rows, tmp_path / "c", before=tmp_path / "b", by="sft", peft={"r": 4})
    assert third["first_loss"] < first["first_loss"]
    kept = load_file(tmp_path / "c" / "adapter" / "adapter_model.safetensors")
    assert [name for name in kept if "trainable_tokens_delta" in name]
    plain = replace(base, added_tokens=TOKENS[:1])
    with pytest.raises(ModelError, match="added tokens"):
        train(plain, rows, tmp_path / "d", before=tmp_path / "a", peft={"r": 4})


def test_whole_weights_over_a_grown_base_are_gone_on_with(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    train(base, rows, tmp_path / "a")
    train(base, rows, tmp_path / "b", before=tmp_path / "a", peft={"r": 4}, snapshots=[0.5])
    a, b = weights(base, tmp_path / "a"), weights(base, tmp_path / "b" / "snapshots" / "0.5")
    name = "model.layers.0.mlp.up_proj.base_layer.weight"
    assert torch.equal(b[f"base_model.model.{name}"], a[name.replace(".base_layer", "")])
    (tmp_path / "b" / "model.safetensors").unlink()
    (tmp_path / "b" / "config.json").unlink()
    moved = weights(base, tmp_path / "b")
    assert not torch.equal(moved[f"base_model.model.{name}"], a[name.replace(".base_layer", "")])


def test_preferences_are_trained_over_a_grown_base(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    train(base, rows, tmp_path / "a", peft={"r": 4})
    lines = [{"id": str(at), "prompt_ids": [1, 1025, 9], "chosen_ids": [10 + at, 2], "rejected_ids": [30 + at, 7, 2]}
             for at in range(8)]  # fmt: skip
    pairs = Dataset(tables.table("pairs", lines)).select_columns(["prompt_ids", "chosen_ids", "rejected_ids"])
    with pytest.raises(ModelError, match="dpo cannot train the rows of control tokens through an adapter; train it "):
        train(base, pairs, tmp_path / "b", before=tmp_path / "a", by="dpo", peft={"r": 4})
    assert train(base, pairs, tmp_path / "b", by="dpo", learning_rate=1e-3)["rows_seen"] == 8
    model, adapter = rewarding.rewarding(base, tmp_path / "a", Path(str(base.path)))
    tokenizer = load.tokenizer(base)
    (tmp_path / "c").mkdir()
    job = Job(tmp_path / "c", 0, tokenizer, base.as_args(), [2], before=tmp_path / "a", adapter=adapter)
    TRAINERS.get("reward").call(job, model, pairs, args={**ARGS, "peft": {"r": 4}, "learning_rate": 1e-3})
    rewarding.reward_model(tmp_path / "c", Path(str(base.path)))


def test_seeds_draw_the_weights_of_a_config(base: ref.Base, rows: Dataset, tmp_path: Path) -> None:
    drawn = replace(base, from_config=True)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(drawn, rows, tmp_path / name, seed)
    a, b, c = (weights(drawn, tmp_path / name) for name in "abc")
    assert equal(a, b) and not equal(a, c)
    train(drawn, rows, tmp_path / "d", before=tmp_path / "a", peft={"r": 2})
    d = weights(drawn, tmp_path / "d")
    assert torch.equal(d["base_model.model.model.norm.weight"], a["model.norm.weight"]), "it lies over what was trained"


def test_a_training_that_does_not_move_the_rows_of_its_tokens_fails(
    base: ref.Base, rows: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"did not move the row of the token <\|neg\|>; raise learning_rate"):
        train(base, rows, tmp_path / "a", learning_rate=1e-30)
    spoken = [[token for token in ids if token < 1024] for ids in rows["input_ids"]]
    lines = [{"id": str(at), "input_ids": ids, "labels": ids} for at, ids in enumerate(spoken)]
    plain = Dataset(tables.table("encoded", lines)).select_columns(["input_ids", "labels"])
    train(base, plain, tmp_path / "b", learning_rate=1e-30)  # no text carries one, so none had to move


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"num_train_tokens": 10, "max_steps": 5}, "both say where the training ends"),
        ({"snapshots": [0.5], "max_steps": 5}, "snapshots are named by epochs, and max_steps"),
        ({"snapshots": [0.5, 1.5]}, "1.5 lies beyond the end of the training, 1 epochs"),
        ({"snapshots": [1.5], "num_train_tokens": 10, "num_train_epochs": 3}, "1 of num_train_tokens"),
        ({"snapshots": [0.5, 0.50]}, "names one place twice"),
    ],
)
def test_what_cannot_work_is_said_beforehand(args: dict[str, Any], said: str) -> None:
    (problem,) = _problems(args)
    assert said in problem[1] and problem[2]
    assert not list(_problems({"snapshots": [0.5, 1, 3], "num_train_epochs": 3}))


def test_every_declared_argument_is_passed_on_or_applied_elsewhere() -> None:
    from leaven.train.trainers.lm import config

    fields = TRAINERS.get("lm").schema.model_fields
    assert set(fields) == _ARGUMENTS | _ELSEWHERE
    passed = config(output_dir="x", **{name: fields[name].default for name in _ARGUMENTS})
    assert set(passed.to_dict()) >= _ARGUMENTS


def test_a_torn_snapshot_is_written_anew(
    base: ref.Base, rows: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = tmp_path / "a" / "resume" / "snapshots" / ".0.5"
    torn.mkdir(parents=True)
    (torn / "model.safetensors").write_text("wei")
    shutil.copytree(torn, torn.with_name("0.5"))
    train(base, rows, tmp_path / "a", snapshots=[0.5])
    weights(base, tmp_path / "a" / "snapshots" / "0.5")
    assert not list((tmp_path / "a" / "snapshots").glob(".*"))
