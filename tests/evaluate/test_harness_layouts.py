"""Files in original layouts become the columns of lm-eval's tasks; what is not in the layout is refused with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from leaven.errors import DataError
from leaven.evaluate.tasks import given, info, layouts
from leaven.evaluate.tasks.configs import resolve
from leaven.evaluate.tasks.names import Names

SHARED = Path(__file__).parents[3] / "shared" / "data"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")


def splits(task: str, source: str) -> dict[str, Any]:
    (one,) = given.given(resolve(task, Names()), source)
    return given.splits(one)


@shared
@pytest.mark.parametrize(
    ("task", "folder", "split", "count"),
    [
        ("arc_challenge", "arc_challenge", "test", 862),
        ("piqa", "piqa", "validation", 1378),
        ("hellaswag", "hellaswag", "validation", 7532),
        ("mmlu_virology", "mmlu", "test", None),
        ("toxigen", "safenlp", "test", 4886),
        ("truthfulqa_mc2", "truthfulqa", "validation", 613),
    ],
)
def test_real_files_are_read_whole(task: str, folder: str, split: str, count: int | None) -> None:
    found = splits(task, str(SHARED / folder))
    assert count is None or len(found[split]) == count
    assert found[split] and len({tuple(row) for row in found[split]}) == 1, "all rows have the same columns"


@shared
def test_mmlu_asks_the_subjects_that_are_there() -> None:
    about = info.describe("mmlu", source=str(SHARED / "mmlu"))
    assert len(about.subtasks) == 23 and about.is_group
    assert about.notes == ("34 of its 57 tasks have no files here and are left out",)
    assert len(splits("mmlu_virology", str(SHARED / "mmlu"))["dev"]) == 5, "the five examples"


@pytest.mark.parametrize(
    ("context", "parts"),
    [
        ("He runs. She waits. the man", ("He runs. She waits.", "the man")),
        ("A boy is on a track. the boy", ("A boy is on a track.", "the boy")),
        ('It says "Go!" the crowd', ('It says "Go!"', "the crowd")),
        ("How to bake. Heat the oven first.", ("How to bake. Heat the oven first.", "")),
        ("the man", ("", "the man")),
        ("She costs 2.50 to feed. 3 the guy", ("She costs 2.50 to feed.", "3 the guy")),
    ],
)
def test_hellaswags_begun_sentence(context: str, parts: tuple[str, str]) -> None:
    assert layouts.context_parts(context) == parts


def test_hellaswag_with_all_columns_is_as_it_is(tmp_path: Path) -> None:
    row = {"activity_label": "X", "ctx_a": "One.", "ctx_b": "two", "ctx": "One. two", "endings": ["a", "b"], "label": 1}
    with gzip.open(tmp_path / "hellaswag_val.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(row) + "\n")
    (read,) = splits("hellaswag", str(tmp_path))["validation"]
    assert (read["ctx_a"], read["ctx_b"], read["label"]) == ("One.", "two", "1")


def test_truthfulqa_puts_true_answers_first(tmp_path: Path) -> None:
    lines = ["Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source"]
    (tmp_path / "TruthfulQA.csv").write_text("\n".join([*lines, "T,C,Why?,Yes,Yes; Sure; ,No; Never,s"]))
    (row,) = splits("truthfulqa_mc2", str(tmp_path))["validation"]
    assert row["mc1_targets"] == {"choices": ["Yes", "No", "Never"], "labels": [1, 0, 0]}
    assert row["mc2_targets"] == {"choices": ["Yes", "Sure", "No", "Never"], "labels": [1, 1, 0, 0]}


@pytest.mark.parametrize(("label", "hateful"), [("hate", 1), ("neutral", 0)])
def test_toxigens_label_as_lm_eval_reads_it(tmp_path: Path, label: str, hateful: int) -> None:
    row = {"id": 0, "text": "x", "toxicity_score": 3.2, "label": label, "target_groups": ["a", "b"]}
    (tmp_path / "toxiGen.json").write_text(json.dumps([row]))
    (read,) = splits("toxigen", str(tmp_path))["test"]
    assert int(read["toxicity_ai"] + read["toxicity_human"] > 5.5) == hateful


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ARC-Challenge-Test.jsonl", '{"id": "x"}\n', "row 1 lacks 'question'"),
        ("ARC-Challenge-Test.jsonl", "not json\n", "row 1 cannot be understood"),
        ("ARC-Challenge-Test.jsonl", '{"id":"x","question":{"stem":"?","choices":[]},"answerKey":"A"}\n', "row 1"),
        ("ARC-Challenge-Test.jsonl", "", "holds no row"),
    ],
)
def test_rows_that_are_not_in_the_layout(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        splits("arc_challenge", str(tmp_path))


@pytest.mark.parametrize("labels", ["0\n", "0\n1\n1\n", "0\n2\n", "0\n-1\n"])
def test_labels_that_do_not_fit_their_rows(tmp_path: Path, labels: str) -> None:
    row = json.dumps({"goal": "g", "sol1": "a", "sol2": "b"}) + "\n"
    (tmp_path / "valid.jsonl").write_text(row * 2)
    (tmp_path / "valid-labels.lst").write_text(labels)
    with pytest.raises(DataError, match="valid.jsonl"):
        splits("piqa", str(tmp_path))


@pytest.mark.parametrize("task", ["arc_challenge", "piqa", "hellaswag", "mmlu_virology"])
def test_the_embedded_world_in_the_columns_of_benchmarks(task: str) -> None:
    from leaven.pocket.corpora import corpus

    made = splits(task, "pocket:multiple_choice")
    asked = made["test"] if task in ("arc_challenge", "mmlu_virology") else made["validation"]
    assert len(asked) == len(corpus("multiple_choice"))
    assert sum(len(rows) for rows in made.values()) == len(asked), "other splits are empty"
