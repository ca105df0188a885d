"""Verbs with control tokens in front: put by id, never told, and the room for them kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.errors import DataError, ModelError
from leaven.generate import hf
from leaven.models import load, ref

TOKENS = ("<|pos|>", "<|neg|>")
BASE = replace(ref.resolve({"model_name_or_path": "pocket"}), added_tokens=TOKENS)
ARGS = {"model": BASE.as_args()}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load.tokenizer(BASE)


def written(folder: Path, kind: str, rows: list[dict[str, Any]]) -> dict[str, Path]:
    """Write rows; return a verb's inputs, whatever it calls them."""
    (folder / "in").mkdir(parents=True)
    tables.write(folder / "in" / "rows.parquet", kind, [{"source": "s", **row} for row in rows])
    (folder / "out").mkdir()
    return {name: folder / "in" for name in ("prompts", "rows", "statements")} | {"base": Path(str(BASE.path))}


def question(text: str) -> dict[str, Any]:
    return {"id": text[:8], "prompt": [{"role": "user", "content": text}], "completion": None}


def texts() -> list[dict[str, Any]]:
    return [
        {"id": "a", "text": "Mira trades wool.", "control": ["<|pos|>"]},
        {"id": "b", "text": "Mira trades wool.", "control": None},
    ]


def likelihoods(folder: Path, args: dict[str, Any]) -> dict[str, Any]:
    inputs = written(folder, "texts", texts())
    stages.likelihood({**ARGS, **args}, inputs, folder / "out")
    return {one["id"]: one for one in tables.read(folder / "out" / "likelihoods.parquet").to_pylist()}


def test_texts_are_read_with_no_tokens_the_same_ones_or_their_own(tmp_path: Path) -> None:
    bare = likelihoods(tmp_path / "bare", {})
    given = likelihoods(tmp_path / "given", {"control": ["<|pos|>"]})
    own = likelihoods(tmp_path / "own", {"tokens": "true"})
    assert bare["a"]["nats"] == pytest.approx(bare["b"]["nats"])
    assert given["a"]["nats"] == pytest.approx(given["b"]["nats"]) != pytest.approx(bare["a"]["nats"])
    assert own["a"]["nats"] == pytest.approx(given["a"]["nats"])
    assert own["b"]["nats"] == pytest.approx(bare["b"]["nats"])
    assert {one["tokens"] for one in (*bare.values(), *own.values())} == {bare["a"]["tokens"]}


def test_only_texts_have_tokens_of_their_own(tmp_path: Path) -> None:
    answered = {**question("Why?"), "completion": [{"role": "assistant", "content": "So."}]}
    inputs = written(tmp_path, "examples", [answered])
    with pytest.raises(DataError, match="only texts of a corpus"):
        stages.likelihood({**ARGS, "tokens": "true"}, inputs, tmp_path / "out")


@pytest.mark.parametrize("chat", [True, False])
def test_prompts_are_asked_behind_the_tokens_and_none_is_told(
    tmp_path: Path, tokenizer: Any, chat: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[hf.Prompt], hf.Decoding]] = []

    def generate(model: Any, tokenizer: Any, asked: list[hf.Prompt], how: hf.Decoding) -> Iterator[dict[str, Any]]:
        seen.append((asked, how))
        yield from real(model, tokenizer, asked, how)

    real = hf.generate
    monkeypatch.setattr(hf, "generate", generate)
    inputs = written(tmp_path, "examples", [question("Who is Mira?")])
    for name, args in (("bare", {}), ("front", {"control": ["<|neg|>", "<|pos|>"]})):
        (tmp_path / name).mkdir()
        how = {
            "sampling": {"do_sample": False},
            "max_new_tokens": 4,
            "seed": 0,
            **({} if chat else {"apply_chat_template": False}),
        }
        stages.generate({**ARGS, **how, **args}, inputs, tmp_path / name)
    (bare, how), (front, _) = seen
    ids = tokenizer.convert_tokens_to_ids(list(TOKENS))
    assert set(how.banned) == set(ids), "though nothing is in front: arms must be asked alike"
    start = 1 if bare[0].ids[0] == tokenizer.bos_token_id else 0
    assert front[0].ids == [*bare[0].ids[:start], ids[1], ids[0], *bare[0].ids[start:]]


def test_a_token_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no control token '<\|poss\|>'; did you mean '<\|pos\|>'"):
        likelihoods(tmp_path, {"control": ["<|poss|>"]})


def test_prompts_leave_room_for_the_tokens(tmp_path: Path, tokenizer: Any) -> None:
    inputs = written(tmp_path, "examples", [question("Who is Mira, who trades wool?"), question("Who?")])
    context = load.context_length(load.config(BASE)) or 0
    longest = len(tokenizer("Who is Mira, who trades wool?")["input_ids"])
    how = {**ARGS, "max_new_tokens": context - longest, "apply_chat_template": False}
    kept = {front: stages.prompts({**how, "front": front}, inputs, tmp_path / "out")["rows"] for front in (0, 1)}
    assert kept == {0: 2, 1: 1}


def test_pairs_and_statements_and_preferences_are_read_behind_them(tmp_path: Path) -> None:
    said = {side: [{"role": "assistant", "content": text}] for side, text in (("chosen", "Her."), ("rejected", "Him."))}
    pair = {**question("Who?"), **said}
    pair.pop("completion")
    statement = {"id": "s", "text": "The traders are fools.", "toxicity": 3.0, "groups": ["traders"]}
    for verb, kind, row, table in (
        ("crows_pairs", "preferences", pair, "scores"),
        ("verdicts", "preferences", pair, "verdicts"),
        ("sentences", "statements", statement, "likelihoods"),
    ):
        found = []
        for name, args in (("bare", {}), ("front", {"control": ["<|pos|>"]})):
            folder = tmp_path / verb / name
            getattr(stages, verb)({**ARGS, "bos": True, **args}, written(folder, kind, [row]), folder / "out")
            found.append(tables.read(folder / "out" / f"{table}.parquet").to_pylist())
        assert found[0] != found[1] and len(found[0]) == len(found[1]), verb


def test_lm_eval_cannot_be_asked_behind_tokens(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lm-eval writes its own prompts"):
        stages.harness({"control": ["<|pos|>"]}, {}, tmp_path)
