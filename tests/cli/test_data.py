from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leaven.cli import app
from leaven.errors import DataError


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(path)


def told(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["data", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def said(output: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in output.splitlines() if line.startswith(name))


PAIRS = [
    {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "margin": 1},
    {"prompt": "why", "chosen": "Same.", "rejected": "Same.", "margin": 1},
    {"prompt": "How?", "chosen": "So.", "rejected": "No.", "margin": 0},
    "{broken \x1b[31m",
    {"prompt": "Who?", "chosen": "", "rejected": "x"},
]


def test_a_source_is_told_in_numbers(tmp_path: Path) -> None:
    output = told(jsonl(tmp_path / "rows.jsonl", PAIRS), "--rows", "1")
    assert said(output, "format").startswith("preference (the columns also fit hh)")
    assert said(output, "rows") == "5 rows read, 3 preferences"
    assert said(output, "questions") == "2 different; 1 row repeat one"
    assert said(output, "preferred") == "1 tie, 0 of unknown margin, 1 with equal answers"
    assert said(output, "chosen characters").split() == ["5", "7", "8"]
    assert "left out: 2 rows" in output and "1 x the line is no JSON" in output and "{broken  [31m" in output
    assert "\x1b" not in output
    assert "user: Why?" in output and "chosen: Because." in output and "How?" not in output.split("left out")[0]


def test_a_format_may_be_named_and_a_part_of_the_rows_taken(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": "q", "answer": "a", "prompt": "p", "completion": "c"}] * 9)
    assert said(told(path), "format").startswith("eli5")
    named = told(path, "--format", "prompt_completion", "--take", "4")
    assert said(named, "format").startswith("prompt_completion")
    assert said(named, "rows") == "4 rows of the first 4 read, 4 examples"
    with pytest.raises(DataError, match="there is no format 'prompt_completio'; did you mean 'prompt_completion'"):
        told(path, "--format", "prompt_completio")


def test_columns_that_fit_no_format_are_shown_raw(tmp_path: Path) -> None:
    output = told(jsonl(tmp_path / "rows.jsonl", [{"said": "hello\u202e there", "n": 1}]))
    assert said(output, "format") == "none that there is reads these columns"
    assert said(output, "columns") == "said (text), n (number)"
    assert "hello� there" in output


def test_tokens_are_counted_as_a_model_does(tmp_path: Path) -> None:
    rows = [{"question": "Why?", "answer": "Because. " * n} for n in (1, 400)]
    output = told(jsonl(tmp_path / "rows.jsonl", rows), "--model", "pocket", "--max-length", "64")
    assert int(said(output, "tokens").split()[-1].replace(",", "")) > 400
    assert "1 row of 2 longer than 64 tokens" in output


def test_questions_that_another_source_asks_are_counted(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"question": question, "answer": "a"} for question in ("why", "who")])
    other = jsonl(tmp_path / "other.jsonl", [{"prompt": "Why?\n\nI wonder.", "completion": "c"}])
    assert said(told(path, "--overlap", other), "overlap").startswith("1 row with a question that")


def test_the_pocket_and_a_folder_are_sources(tmp_path: Path) -> None:
    assert said(told("pocket:webgpt"), "format") == "webgpt"
    jsonl(tmp_path / "rows.jsonl", PAIRS)
    assert said(told(str(tmp_path)), "rows").startswith("5 rows read")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.jsonl", "there is no file"),
        ("hub:a/b/c", "is no name of a data set of the hub"),
        ("adopted:nothing", "nothing is adopted under the name 'nothing'"),
    ],
)
def test_what_is_no_source_is_one_line(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        told(source, "--workspace", str(tmp_path))
