"""The verbs of control tokens on the pocket, grown by tokens: resumed texts, what is written, hand-made worlds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data.attributes import Attribute, conditions
from leaven.errors import DataError, ModelError
from leaven.evaluate.control import measures
from leaven.generate import hf
from leaven.models import load, ref
from leaven.progress import FOLDER
from leaven.registry import SUITES

SEN = Attribute("sen", ("<|neg|>", None, "<|pos|>"), "<|pos|>", (-0.05, 0.05))
TOX = Attribute("tox", ("<|nontoxic|>", "<|toxic|>"), "<|nontoxic|>", (0.5,))
BY_SENTIMENT = {"metric": {"name": "sentiment", "version": 1, "args": {}}}
BY_BUILTIN = {"metric": {"name": "toxicity", "version": 1, "args": {}}}
BY_LENGTH = {"metric": {"name": "length", "version": 1, "args": {}}, "thresholds": [3.5]}
WANTED = [list(one) for one in conditions([TOX, SEN])]
USED = WANTED.index(["<|nontoxic|>", "<|pos|>"])


@pytest.fixture(scope="module")
def base() -> ref.Base:
    return replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=(*TOX.put, *SEN.put))


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def ask(base: ref.Base, out: Path, prompts: Path | None = None, **more: Any) -> dict[str, Any]:
    how = {"conditions": WANTED, "used": USED, "sampling": {"top_p": 0.9}, "max_new_tokens": 6, "seed": 3, "samples": 3}
    inputs = {"base": Path(str(base.path)), **({} if prompts is None else {"prompts": prompts})}
    return stages.control({**how, "model": base.as_args(), **more}, inputs, out)


def told(out: Path, name: str = "conditions") -> list[dict[str, Any]]:
    return tables.read(out / f"{name}.parquet").to_pylist()


def test_a_stage_that_was_stopped_goes_on_to_the_same_texts(
    base: ref.Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = folder(tmp_path / "whole")
    facts = ask(base, whole)
    assert facts["generations"] == 3 * len(WANTED) == len(told(whole))
    assert facts["samples"] == dict.fromkeys(facts["samples"], 3)
    assert facts["banned"] == 4
    again, stock = folder(tmp_path / "again"), hf._answer
    monkeypatch.setattr(hf, "_MOST_ROWS", 4)
    batches = iter([True, True, False])

    def stopped(*args: Any) -> Any:
        if not next(batches):
            raise KeyboardInterrupt
        return stock(*args)

    monkeypatch.setattr(hf, "_answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        ask(base, again)
    monkeypatch.setattr(hf, "_answer", stock)
    assert (again / FOLDER / "generations.jsonl").exists()
    assert ask(base, again)["resumed"] == 8
    for name in ("generations", "conditions", "rows"):
        assert told(again, name) == told(whole, name)


def test_the_used_texts_are_those_of_their_condition_by_item(base: ref.Base, tmp_path: Path) -> None:
    out = folder(tmp_path / "out")
    ask(base, out)
    used = {row["prompt_id"]: row["text"] for row in told(out, "generations")}
    every = {row["prompt_id"]: row["text"] for row in told(out)}
    assert used == {item: every[f"{item}@@nontoxic+pos"] for item in used}
    assert [row["id"] for row in told(out, "rows")] == sorted(used)
    assert {row["group"] for row in told(out, "rows")} == {None}
    assert not any(token in text for text in every.values() for token in base.added_tokens)


@pytest.mark.parametrize("kind", ["texts", "examples"])
def test_prompts_are_gone_on_from(base: ref.Base, tmp_path: Path, kind: str) -> None:
    texts, rows = ["The weather in", "My aunt says"], folder(tmp_path / "rows")
    asked = [{"text": one} if kind == "texts" else {"prompt": [{"role": "user", "content": one}]} for one in texts]
    tables.write(rows / "rows.parquet", kind, [{"id": f"p:{n}", **one} for n, one in enumerate(asked)])
    out = folder(tmp_path / "out")
    facts = ask(base, out, rows, samples=2)
    assert (facts["items"], facts["generations"]) == (2, 2 * 2 * len(WANTED))
    assert [row["prompt"][0]["content"] for row in told(out, "rows")] == texts
    assert {(row["prompt_id"], row["sample"]) for row in told(out, "generations")} == {
        (f"p:{n}", sample) for n in range(2) for sample in range(2)
    }
    with pytest.raises(ModelError, match="do not fit into a context"):
        ask(base, folder(tmp_path / "long"), rows, max_new_tokens=512)
    with pytest.raises(DataError, match="no prompt is left"):
        tables.write(rows / "rows.parquet", kind, [])
        ask(base, folder(tmp_path / "none"), rows)


# --- a world made by hand --------------------------------------------------------------------------------------------

POSITIVE, NEGATIVE, PLAIN = "I love this wonderful day.", "I hate this horrible day.", "It is a day."


def written(out: Path, says: Any, prompt: str = "") -> Path:
    """A folder as ``control`` leaves it: ten items, each text as ``says`` makes it of its condition."""
    called = {"+".join(token.strip("<|>") for token in one) or "none": one for one in WANTED}
    rows = [
        {"prompt_id": f"i{n}@@{name}", "sample": 0, "text": says(one), "finish_reason": "stop", "tokens": 5}
        for n in range(10)
        for name, one in called.items()
    ]
    used = [{**row, "prompt_id": row["prompt_id"].partition("@@")[0]} for row in rows if "@@nontoxic+pos" in row["prompt_id"]]  # fmt: skip
    tables.write(folder(out) / "conditions.parquet", "generations", rows)
    tables.write(out / "generations.parquet", "generations", used)
    asked = [{"id": f"i{n}", "prompt": [{"role": "user", "content": prompt}]} for n in range(10)]
    tables.write(out / "rows.parquet", "examples", asked)
    return out


def judge(made: Path, out: Path, *attributes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float | None]]:
    args = {"attributes": list(attributes), "conditions": WANTED, "used": USED}
    facts = stages.misalignment(args, {"generations": made}, folder(out))
    found = tables.read(out / "scores.parquet").to_pandas()
    means = found.groupby("metric").value.mean()
    there = set(tables.read(out / "rows.parquet").to_pandas()["id"])
    assert set(found.row_id) <= there, "each value is of a row that was asked"
    return facts, {name: None if value != value else round(float(value), 6) for name, value in means.items()}


def test_a_model_that_obeys_is_aligned_and_one_that_does_the_contrary_is_not(tmp_path: Path) -> None:
    def obeys(one: Any) -> str:
        return POSITIVE if "<|pos|>" in one else NEGATIVE if "<|neg|>" in one else PLAIN

    def contrary(one: Any) -> str:
        return NEGATIVE if "<|pos|>" in one else POSITIVE

    sen = {**SEN.as_args(), "scorer": BY_SENTIMENT}
    facts, good = judge(written(tmp_path / "a", obeys), tmp_path / "a1", sen)
    _, bad = judge(written(tmp_path / "b", contrary), tmp_path / "b1", sen)
    names = ("misalignment_sen", "obeys_sen", "lifts_sen", "sentences_sen", "neutral_sen")
    assert [good[name] for name in names] == [0, 1, 1, 0, 0]
    assert [bad[name] for name in names] == [1, -1, -1, 1, 0]
    assert facts["asked_and_measured"]["sen"]["none"] == {"neg": 0, "neutral_sen": 1, "pos": 0}
    assert facts["asked_and_measured"]["sen"]["toxic+neg"] == {"neg": 1, "neutral_sen": 0, "pos": 0}


def test_sentences_are_the_prompts_and_the_texts(tmp_path: Path) -> None:
    made = written(tmp_path / "a", lambda one: f"{POSITIVE} {PLAIN}", prompt=NEGATIVE)
    _, found = judge(made, tmp_path / "out", {**SEN.as_args(), "scorer": BY_SENTIMENT})
    assert found["sentences_sen"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["misalignment_sen"] == 0, "the prompt is not the model's"


def test_the_judge_counts_and_who_labelled_stands_beside_it(tmp_path: Path) -> None:
    """By length every text is long (toxic, say); the builtin classifier hears nothing toxic in them."""
    judged = {**TOX.as_args(), "scorer": BY_BUILTIN, "judge": BY_LENGTH}
    facts, found = judge(written(tmp_path / "a", lambda one: POSITIVE), tmp_path / "out", judged)
    assert (found["misalignment_tox"], found["misalignment_tox_by_labeller"], found["sentences_tox"]) == (1, 0, 1)
    assert set(facts["asked_and_measured"]) == {"tox", "tox_by_labeller"}


def test_an_empty_text_is_unscored_and_not_aligned(tmp_path: Path) -> None:
    _, found = judge(
        written(tmp_path / "a", lambda one: ""), tmp_path / "out", {**SEN.as_args(), "scorer": BY_SENTIMENT}
    )
    assert set(found.values()) == {None}


def test_a_label_column_cannot_judge_a_text(tmp_path: Path) -> None:
    made = written(tmp_path / "a", lambda one: PLAIN)
    with pytest.raises(DataError, match="'sen' is labelled by a column.*judge"):
        judge(made, tmp_path / "out", SEN.as_args())
    _, found = judge(made, tmp_path / "out2", {**TOX.as_args(), "judge": BY_LENGTH})
    assert "misalignment_tox_by_labeller" not in found


def test_what_is_written_is_what_the_suite_says_it_measures(tmp_path: Path) -> None:
    """A value that no measure names is never printed, and a measure without values is an empty column."""
    both = [{**TOX.as_args(), "scorer": BY_BUILTIN, "judge": BY_LENGTH}, {**SEN.as_args(), "scorer": BY_SENTIMENT}]
    _, found = judge(written(tmp_path / "a", lambda one: POSITIVE), tmp_path / "out", *both)
    said = measures([TOX, SEN], ["tox"])
    assert {one.name for one in said} == {*found, "fluency"}
    assert len(said) == len({one.name for one in said})
    beside = {one.name for one in said if one.beside}
    lines = tables.read(tmp_path / "out" / "scores.parquet").to_pylist()
    assert {line["metric"] for line in lines if "@@" in line["row_id"]} == beside
    assert {line["metric"] for line in lines if "@@" not in line["row_id"]}.isdisjoint(beside)


# --- fluency ---------------------------------------------------------------------------------------------------------


def test_fluency_is_the_untouched_models_and_blind_to_control_tokens(base: ref.Base, tmp_path: Path) -> None:
    import math

    import torch

    text = "My aunt says that the town is old."
    made = written(tmp_path / "a", lambda one: text)
    plain = replace(base, added_tokens=())
    found = {}
    for name, one in (("plain", plain), ("grown", base)):
        out = folder(tmp_path / name)
        facts = stages.fluency({"model": one.as_args()}, {"generations": made, "base": Path(str(base.path))}, out)
        assert facts["unscored"] == 0
        found[name] = tables.read(out / "scores.parquet").to_pylist()[0]["value"]
    model, tokenizer = load.causal_lm(plain), load.tokenizer(plain)
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(text, add_special_tokens=False)["input_ids"]]])
    with torch.no_grad():
        nats = -model(ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None]).sum()
    assert found["plain"] == pytest.approx(float(nats) / math.log(2) / len(text), rel=1e-5)
    assert found["grown"] == pytest.approx(found["plain"], rel=1e-5)


def test_nonsense_is_less_fluent_and_a_prompt_is_not_counted(base: ref.Base, tmp_path: Path) -> None:
    def read(name: str, text: str, prompt: str = "") -> float | None:
        made, out = written(tmp_path / name, lambda one: text, prompt), folder(tmp_path / f"{name}-out")
        inputs = {"generations": made, "base": Path(str(base.path))}
        stages.fluency({"model": replace(base, added_tokens=()).as_args()}, inputs, out)
        value: float | None = tables.read(out / "scores.parquet").to_pylist()[0]["value"]
        return value

    sense, nonsense = read("sense", "the town is old."), read("nonsense", "old the is town.")
    behind, empty = read("behind", "the town is old.", "My aunt says that"), read("empty", "", "My aunt says that")
    assert sense is not None and nonsense is not None and behind is not None
    assert nonsense > sense > behind, "a fitting prompt makes a text likelier"
    assert empty is None


# --- the suite -------------------------------------------------------------------------------------------------------


def test_a_declared_suite_has_only_what_differs_from_the_defaults() -> None:
    declared = {"attributes": ["tox"], "top_p": 0.7, "top_k": 0, "temperature": 1.0, "min_length": 40}
    made = SUITES.get("control").call(args={**declared, "no_repeat_ngram_size": 1, "prompts": "held"})
    assert made.sampling == {"top_p": 0.7, "no_repeat_ngram_size": 1, "min_length": 40}
    assert (made.name, made.prompts, made.place) == ("held", "held", "after")
    assert SUITES.get("control").call(args={"attributes": ["tox"]}).name == "control"
    with pytest.raises(ValueError, match="greedy"):
        SUITES.get("control").call(args={**declared, "do_sample": False})
