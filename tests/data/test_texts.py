"""Formats of plain texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven import stages
from leaven.data import sources
from leaven.data.canonical import Slice, canonical, fitting
from leaven.data.formats import BadRow
from leaven.registry import FORMATS, Step

META = {"pile_set_name": "Pile-CC", "doc_id": 3}


def read(name: str, row: dict[str, Any], **args: Any) -> dict[str, Any]:
    return FORMATS.get(name).call(row, args=args)  # type: ignore[no-any-return]


@pytest.mark.parametrize("meta", [META, json.dumps(META)])
def test_the_pile_names_its_source_in_an_object_or_in_json(meta: Any) -> None:
    assert read("pile", {"text": " It rains.\n", "meta": meta}) == {"group": "Pile-CC", "text": " It rains.\n"}


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ("{broken", "meta is text, but no JSON"),
        ("[" * 100_000, "meta is text, but no JSON"),
        (None, "meta is empty (null), not an object"),
        ({}, "meta has no pile_set_name"),
        ({"pile_set_name": None}, "pile_set_name is empty (null), not a name"),
        ({"pile_set_name": ["x"]}, "pile_set_name is a list, not text"),
        ({"pile_set_name": "x" * 1000}, "pile_set_name has 1000 characters, which is no name"),
    ],
)
def test_a_document_without_a_source_says_what_it_lacks(meta: Any, said: str) -> None:
    with pytest.raises(BadRow, match=said.replace("(", r"\(").replace(")", r"\)")):
        read("pile", {"text": "x", "meta": meta})


def test_pile_detoxify_is_read_in_sentences_and_as_a_whole() -> None:
    row = {"texts": ["It rains. ", "You fool."], "scores": [0.25, 0.75], "meta": META, "avg_score": 0.5}
    assert read("pile_detoxify", row) == {
        "group": "Pile-CC",
        "text": "It rains. You fool.",
        "score": 0.5,
        "sentences": [("It rains. ", 0.25), ("You fool.", 0.75)],
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": [0.1]}, "2 texts and 1 scores"),
        ({"scores": [0.1, None]}, "a score of scores is empty"),
        ({"scores": [0.1, float("nan")]}, "not a finite number"),
        ({"texts": []}, "not a list that holds something"),
        ({"texts": ["a", 3]}, "a text of texts is a int"),
        ({"texts": [" ", ""]}, "texts is empty"),
    ],
)
def test_lists_that_do_not_belong_together_are_bad_rows(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRow, match=said):
        read("pile_detoxify", {"texts": ["a", "b"], "scores": [0, 1], "meta": META, **change})


def test_columns_of_labels_are_named() -> None:
    row = {"tweet": "Hi!", "class": 2.0, "rating": "0.5", "where": "UK"}
    made = read("texts", row, text="tweet", label="class", score="rating", group="where")
    assert made == {"text": "Hi!", "label": "2", "score": 0.5, "group": "UK"}
    assert read("texts", {"text": "x"}) == {"text": "x", "label": None, "score": None, "group": None}


def test_a_null_label_stays_unknown_and_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    row = {"text": "x", "label": None, "score": None}
    assert read("texts", row, label="label", score="score") == {
        "text": "x",
        "label": None,
        "score": None,
        "group": None,
    }
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n')
    (batch,) = canonical(str(path), Step(name="texts", args={"label": "said"}), Slice(), "drop")
    assert batch.reasons() == {"has no column said": 1}


def test_a_text_alone_is_still_taken_for_a_prompt() -> None:
    assert fitting({"text": "x"})[0] == "text", "what sources were known for stays"
    assert fitting({"text": "x", "meta": META})[0] == "pile"
    assert fitting({"texts": ["x"], "scores": [1], "meta": META}) == ["pile_detoxify"]


@pytest.mark.parametrize("format", ["pile", "pile_detoxify"])
def test_without_a_corpus_each_document_is_one_text(tmp_path: Path, format: str) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "out"
    out.mkdir()
    row = {"text": "It rains. It pours.", "texts": ["It rains. ", "It pours."], "scores": [0, 1], "meta": META}
    path.write_text(json.dumps(row) + "\n")
    args = {"identity": sources.identity(str(path)), "format": {"name": format, "args": {}}}
    facts = stages.rows(args, {"source": path}, out)
    assert facts == {"kind": "texts", "rows_in": 1, "rows": 1, "drops": {}}
    assert tables.kind(out / "rows.parquet") == "texts"
    (made,) = tables.read(out / "rows.parquet").to_pylist()
    assert (made["text"], made["group"], made["control"]) == ("It rains. It pours.", "Pile-CC", None)
