from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from leaven.data.canonical import Canonical, Slice, canonical, head_problem, held_out
from leaven.data.formats import BadRow
from leaven.data.sources import identity, problem, read
from leaven.errors import DataError
from leaven.registry import Step

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(5)]
ELI5 = Step(name="eli5")


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_file(folder: Path, kind: str) -> Path:
    path = folder / f"rows{kind}"
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    if kind.startswith(".csv"):
        lines = ["question,answer", *(f"{row['question']},{row['answer']}" for row in ROWS)]
        text = "\n".join(lines)
    if kind == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet"])
def test_every_kind_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    assert list(read(str(as_file(tmp_path, kind)))) == ROWS


def test_csv_answers_may_be_long_and_hold_line_breaks(tmp_path: Path) -> None:
    path, long = tmp_path / "rows.csv", "x\n" * 200_000
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["question", "answer"], ["q", long]])
    assert list(read(str(path))) == [{"question": "q", "answer": long}]


def test_a_file_is_known_by_its_content_alone(tmp_path: Path) -> None:
    one, two = jsonl(tmp_path / "a.jsonl", ROWS), jsonl(tmp_path / "b.jsonl", ROWS)
    assert identity(str(one)) == identity(str(two))
    jsonl(two, ROWS[:-1])
    assert identity(str(one)) != identity(str(two))


def test_ids_are_indices_in_the_source_before_any_filter(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [ROWS[0], {"question": "", "answer": "x"}, *ROWS[2:]])
    made = canonical(str(path), ELI5, Slice(skip=1, take=3), "drop")
    assert [row["id"].split(":")[1] for row in made.rows] == ["2", "3"]
    assert made.reasons() == {"question is empty": 1}
    assert made.rows_in == len(made.rows) + len(made.drops) == 3


def test_a_bad_row_stops_unless_the_study_says_drop(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [*ROWS, {"question": "q", "answer": None}])
    with pytest.raises(DataError, match=r"row 5: answer is empty \(null\).*bad_rows: drop"):
        canonical(str(path), ELI5, Slice(), "error")


def test_lines_that_are_no_rows_are_counted_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n{broken\n[1]\n\xff\xfe\n")
    rows = list(read(str(path)))
    assert rows[0] == ROWS[0] and all(isinstance(row, BadRow) for row in rows[1:])
    assert canonical(str(path), ELI5, Slice(), "drop").rows_in == 4


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"question": "", "answer": ""}])
    with pytest.raises(DataError, match="none of the 1 rows can be used: 1 x question is empty"):
        canonical(str(path), ELI5, Slice(), "drop")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("pocket:webgtp", "did you mean 'webgpt'?"),
        ("hub:openai/webgpt", "download the rows"),
        ("nowhere/rows.jsonl", "there is no file"),
    ],
)
def test_what_is_wrong_with_a_source_at_first_sight(source: str, said: str) -> None:
    assert said in (problem(source) or "")


def test_a_typo_in_a_path_is_guessed(tmp_path: Path) -> None:
    jsonl(tmp_path / "rows.jsonl", ROWS)
    assert "did you mean" in (problem(str(tmp_path / "rowz.jsonl")) or "")
    (tmp_path / "rows.xlsx").write_text("x")
    assert "no kind that can be read" in (problem(str(tmp_path / "rows.xlsx")) or "")
    (tmp_path / "empty.jsonl").touch()
    assert "is empty" in (problem(str(tmp_path / "empty.jsonl")) or "")
    assert "is a folder" in (problem(str(tmp_path)) or "")


def test_columns_that_fit_no_format_name_those_that_would(tmp_path: Path) -> None:
    path = str(jsonl(tmp_path / "a.jsonl", ROWS))
    said = head_problem(path, Step(name="hh"), Slice(), "error") or ""
    assert "format hh reads chosen, rejected, the columns are question, answer" in said
    assert "fit the format eli5" in said


@pytest.mark.parametrize("kind", [".jsonl.gz", ".parquet"])
def test_files_that_end_early_or_are_junk(tmp_path: Path, kind: str) -> None:
    path = as_file(tmp_path, kind)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="rows"):
        list(read(str(path)))


def test_held_out_drops_prompts_that_were_trained_on() -> None:
    prompt = [{"role": "user", "content": "What  is IT?"}]
    made = Canonical(
        "examples",
        [{"id": "a:0", "prompt": prompt}, {"id": "a:1", "prompt": [{"role": "user", "content": "else"}]}],
        [],
        2,
    )
    kept = held_out(made, {"train": [[{"role": "user", "content": "what is it?"}]]})
    assert [row["id"] for row in kept.rows] == ["a:1"]
    assert kept.reasons() == {"prompt occurs in train": 1}
