"""The verbs of regurgitation on rows of each kind, and on answers that are short, long, silent or quoted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.errors import DataError
from leaven.evaluate.regurgitation import measured
from leaven.stages import VERSIONS, indexed, regurgitated
from leaven.stages.regurgitation import METRICS

PLATO = " ".join(f"plato{n}" for n in range(40))
HELD = " ".join(f"held{n}" for n in range(60))


def folder(path: Path, kind: str, rows: list[dict[str, Any]], name: str = "rows") -> Path:
    path.mkdir()
    tables.write(path / f"{name}.parquet", kind, rows)
    return path


def said(role: str, content: str | None) -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def indexed_at(tmp_path: Path, **more: Any) -> tuple[Path, dict[str, Any]]:
    """An index of texts, examples and preferences, each with one text of its own."""
    examples = [{"id": "e:0", "prompt": said("user", "asked in training so"), "completion": said("assistant", "so answered in training")}]  # fmt: skip
    preferences = [{"id": "p:0", "prompt": said("user", "which is better?"), "chosen": said("assistant", "the chosen one of both"), "rejected": said("assistant", "the rejected one of both")}]  # fmt: skip
    inputs = {
        "of.0": folder(tmp_path / "of0", "texts", [{"id": "t:0", "text": PLATO}, {"id": "t:1", "text": "short"}]),
        "of.1": folder(tmp_path / "of1", "examples", examples),
        "of.2": folder(tmp_path / "of2", "preferences", preferences),
        "held_out.0": folder(tmp_path / "held", "texts", [{"id": "h:0", "text": HELD}, {"id": "h:1", "text": "short"}]),
    }
    out = tmp_path / "index"
    out.mkdir()
    return out, indexed(more, inputs, out)


def asked(
    tmp_path: Path, answers: list[str | None], prompt: str = "Hello", span: int = 10
) -> tuple[Any, list[Any], Any]:
    index, _ = indexed_at(tmp_path)
    prompts = [{"id": f"q:{n}", "prompt": said("user", prompt)} for n in range(len(answers))]
    told = [{"prompt_id": f"q:{n}", "sample": 0, "text": text, "finish_reason": "length", "tokens": 9} for n, text in enumerate(answers)]  # fmt: skip
    inputs = {
        "index": index,
        "prompts": folder(tmp_path / "prompts", "examples", prompts),
        "generations": folder(tmp_path / "told", "generations", told, "generations"),
    }
    out = tmp_path / "out"
    out.mkdir()
    facts = regurgitated({"span": span, "tokenizer": "words"}, inputs, out)
    lines = tables.read(out / "scores.parquet").to_pylist()
    values = [{line["metric"]: line["value"] for line in lines if line["row_id"] == row["id"]} for row in prompts]
    return facts, values, tables.read(out / "spans.parquet").to_pylist()


def test_all_kinds_of_rows_are_indexed_and_both_slices_have_one_size(tmp_path: Path) -> None:
    _, facts = indexed_at(tmp_path)
    assert facts["slice_texts"] + facts["rest_texts"] >= 7 and facts["overlap"] == 1
    assert facts["slice_bytes"] == facts["held_out_bytes"] > 100
    assert (VERSIONS["indexed"], VERSIONS["regurgitated"]) == (1, 1)


def test_answers_are_scored_by_their_longest_span(tmp_path: Path) -> None:
    answers = [f"And so: {PLATO} he said", "plato1 plato2 plato3", "", None, f"Hm, {HELD}", "so answered in training"]
    facts, values, spans = asked(tmp_path, answers)
    assert [one["regurgitated"] for one in values] == [1, 0, 0, None, 0, 0]
    assert [one["longest_span"] for one in values] == [40, 3, 0, None, 0, 4]
    assert values[4]["regurgitated_held_out"] == 1 and values[4]["regurgitated_excess"] == -1
    assert values[0]["regurgitated_excess"] == values[0]["regurgitated_slice"]
    assert facts["unscored"] == 5 and facts["answers"] == 6
    of = {one["id"]: one for one in spans if one["where"] == "of"}
    assert (of["q:0"]["source"], of["q:0"]["tokens"], of["q:0"]["excerpt"]) == ("t:0", 40, PLATO)
    assert of["q:5"]["source"] == "e:0"
    assert "q:2" not in of and "q:3" not in of
    held = next(one for one in spans if one["where"] == "held_out" and one["id"] == "q:4")
    assert held["source"] == "h:0" and HELD.startswith(held["excerpt"])


def test_what_the_prompt_quotes_is_not_regurgitated(tmp_path: Path) -> None:
    _, values, spans = asked(tmp_path, [PLATO, PLATO.upper()], prompt=f"Say: {PLATO}")
    assert [one["regurgitated"] for one in values] == [0, 0]
    assert values[0]["longest_span"] == 0 and not spans


@pytest.mark.parametrize(("text", "says"), [("  ", "training data"), (None, "training data")])
def test_an_empty_corpus_is_an_error(tmp_path: Path, text: str | None, says: str) -> None:
    inputs = {
        "of.0": folder(tmp_path / "of", "texts", [{"id": "t:0", "text": text}]),
        "held_out.0": folder(tmp_path / "held", "texts", [{"id": "h:0", "text": HELD}]),
    }
    with pytest.raises(DataError, match=says):
        indexed({}, inputs, tmp_path)


def test_the_suite_says_all_that_is_scored() -> None:
    assert {one.name for one in measured(50)} == set(METRICS)
