"""The verbs of texts, one after another: what fits, blocks, a training on them, snapshots, and the proof."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError, ModelError
from leaven.models import load, ref

TOKENS = ("<|neg|>", "<|pos|>")
Stage = Callable[..., tuple[dict[str, Any], Path]]


def text(name: str, said: str, control: list[str] | None = None) -> dict[str, Any]:
    return {"id": name, "source": "s", "group": "g", "label": "", "text": said, "score": None, "control": control}


@pytest.fixture(scope="module")
def base() -> ref.Base:
    return replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS)


@pytest.fixture
def stage(base: ref.Base, tmp_path: Path) -> Stage:
    """Run a verb into a folder of its own; rows may be given as such."""

    def go(verb: str, args: dict[str, Any], given: list[dict[str, Any]] | None = None, **inputs: Path) -> Any:
        out = tmp_path / f"{verb}{len(list(tmp_path.iterdir()))}"
        out.mkdir()
        if given is not None:
            (before := tmp_path / f"given{len(list(tmp_path.iterdir()))}").mkdir()
            tables.write(before / "rows.parquet", "texts", given)
            inputs["rows"] = before
        args = {"model": base.as_args(), **args}
        return getattr(stages, verb)(args, {"base": Path(str(base.path)), **inputs}, out), out

    return go


def sentences(count: int = 240) -> list[dict[str, Any]]:
    control = [["<|neg|>"], ["<|pos|>"], None]
    words = ("the river", "a mill", "old bridge", "is by", "stands near")
    return [
        text(f"t{at}", " ".join(words[(at * step) % 5] for step in range(1, 6)), control[at % 3]) for at in range(count)
    ]


def test_texts_that_are_too_long_or_empty_are_left_out_and_counted(stage: Stage) -> None:
    rows = [text("a", "the river"), text("b", "the river " * 40), text("c", "  "), text("d", "say <|pos|> twice </s>")]
    facts, out = stage("fit", {"max_length": 30, "front": 2}, rows)
    assert (
        facts["rows_in"] == 4
        and facts["drops"] == {"longer than max_length 30": 1, "empty": 1}
        and facts["kind"] == "texts"
    )
    kept = tables.read(out / "rows.parquet").to_pylist()
    assert facts["neutralised"] == 1 and [row["text"] for row in kept] == ["the river", "say < |pos|> twice < /s>"]


def test_room_is_kept_for_control_tokens_bos_and_eos(stage: Stage, base: ref.Base) -> None:
    said = "the old mill by the river"
    own = len(load.tokenizer(base)(said, add_special_tokens=False).input_ids)
    assert stage("fit", {"max_length": own + 4, "front": 2}, [text("a", said)])[0]["rows"] == 1
    with pytest.raises(DataError, match=rf"{own + 3} tokens .* fit no text: 4 are kept .* has {own}"):
        stage("fit", {"max_length": own + 3, "front": 2}, [text("a", said)])


@pytest.mark.parametrize("packing", ["group", "pack", "none"])
def test_blocks_account_for_every_token_and_the_card_says_which_are_needed(
    stage: Stage, base: ref.Base, packing: str
) -> None:
    rows = sentences()
    facts, out = stage("blocks", {"max_length": 64, "packing": packing}, rows)
    made = tables.read(out / "encoded.parquet").to_pylist()
    from leaven.data.texts_encoded import encode

    whole = sum(map(len, encode(load.tokenizer(base), rows)))
    assert facts["tokens"] == facts["trained"] == sum(len(row["input_ids"]) for row in made)
    assert facts["tokens"] + facts["tokens_cut"] == whole and facts["texts"] == 240 and facts["rows"] == len(made)
    assert all(row["labels"] == row["input_ids"] for row in made), "control tokens are trained as well"
    told = [token for row in made for token in row["input_ids"] if token >= 1024]
    assert facts["control"] == {"<|neg|>": 80, "<|pos|>": 80} and facts["untagged"] == 80
    assert len(told) == 160 or (packing == "group" and len(told) >= 150)
    card = json.loads((out / "card.json").read_text())
    assert card["needs"] == ["<|neg|>", "<|pos|>"] and card["control"] == facts["control"]
    assert facts["warnings"] == [] and not (out / "shuffled").exists()


def test_the_order_is_the_same_whatever_stands_before_the_texts(stage: Stage) -> None:
    tagged, plain = sentences(), [{**row, "control": None} for row in sentences()]
    orders = []
    for rows in (tagged, plain):
        _, out = stage("blocks", {"max_length": 64, "packing": "none"}, rows)
        orders.append(tables.read(out / "encoded.parquet")["id"].to_pylist())
    assert orders[0] == orders[1] != [row["id"] for row in tagged]


def test_a_token_that_hardly_any_text_carries_is_warned_of(stage: Stage) -> None:
    rows = [{**row, "control": ["<|pos|>"] if at < 19 else None} for at, row in enumerate(sentences())]
    facts, _ = stage("blocks", {"max_length": 64}, rows)
    (said,) = facts["warnings"]
    assert said.startswith("the control token <|pos|> stands before 19 texts alone")


def test_too_few_tokens_for_one_block_are_refused(stage: Stage) -> None:
    with pytest.raises(DataError, match="too few for one block of max_length 64; lower it, or set packing: none"):
        stage("blocks", {"max_length": 64}, sentences(2))


@pytest.mark.e2e
@pytest.mark.parametrize("peft", [None, {"r": 4}])
def test_from_texts_to_a_proven_model_and_its_snapshots(stage: Stage, peft: Any) -> None:
    from leaven.stages.speaker import speaker

    _, fitted = stage("fit", {"max_length": 64, "front": 1}, sentences())
    _, blocks = stage("blocks", {"max_length": 64}, rows=fitted)
    settings = {"snapshots": [0.5], "report_to": "none", "learning_rate": 2e-3, "per_device_train_batch_size": 2}
    trainer = {"name": "lm", "args": {**settings, **({"peft": peft} if peft else {})}}
    facts, model = stage("train", {"trainer": trainer, "seed": 0}, encoded=blocks)
    assert facts["snapshots"] == [0.5] and facts["rows_seen"] == facts["rows"]
    proof, _ = stage("prove", {}, encoded=blocks, model=model)
    assert proof["reload_max_difference"] < 1e-4
    earlier, _ = stage("prove", {"snapshot": 0.5}, encoded=blocks, model=model)
    assert earlier["parameters"] == proof["parameters"] and "reload_max_difference" not in earlier
    seen = {"model": model, "base": Path(str(ref.resolve({"model_name_or_path": "pocket"}).path))}
    ends = [speaker(args, seen)[0] for args in ({}, {"snapshot": 0.5})]
    assert [one.get_input_embeddings().num_embeddings for one in ends] == [1026, 1026]
    with pytest.raises(ModelError, match=r"left no snapshot at 0\.7; it left 0\.5: name it in the trainer's snapshots"):
        speaker({"snapshot": 0.7}, {"model": model})


def test_a_training_on_texts_refuses_rows_that_are_none(stage: Stage, tmp_path: Path) -> None:
    (folder := tmp_path / "demonstrations").mkdir()
    tables.write(folder / "encoded.parquet", "encoded", [{"id": "a", "input_ids": [1, 2], "labels": [1, 2]}])
    with pytest.raises(DataError, match="lm reads texts, and these rows are none"):
        stage("train", {"trainer": {"name": "lm", "args": {}}, "seed": 0}, encoded=folder)


def test_an_adapter_over_weights_that_were_drawn_is_refused(stage: Stage, base: ref.Base) -> None:
    _, blocks = stage("blocks", {"max_length": 64}, sentences())
    trainer = {"name": "lm", "args": {"peft": {"r": 2}}}
    drawn = {**base.as_args(), "from_config": True}
    with pytest.raises(ModelError, match=r"train the arm whole \(`sft` or `lm` without peft\)"):
        stage("train", {"model": drawn, "trainer": trainer, "seed": 0}, encoded=blocks)
