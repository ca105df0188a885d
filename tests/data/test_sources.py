from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from leaven.data.formats import BadRow
from leaven.data.sources import identity, problem, read, refuse_other, short_name
from leaven.errors import DataError

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(5)]


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("pocket:webgtp", "did you mean 'webgpt'?"),
        ("hub:a/b/c", "is no name of a data set of the hub"),
        ("s3:rows", "there are no sources of kind 's3:'"),
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


def test_a_file_is_known_by_its_content_alone(tmp_path: Path) -> None:
    one, two = jsonl(tmp_path / "a.jsonl", ROWS), jsonl(tmp_path / "b.jsonl", ROWS)
    assert identity(str(one)) == identity(str(two))
    jsonl(two, ROWS[:-1])
    assert identity(str(one)) != identity(str(two))
    with pytest.raises(DataError, match="was edited after the study began"):
        refuse_other(str(two), identity(str(one)))


def test_a_folder_is_its_files_by_name_and_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        jsonl(folder / "b" / "x.jsonl", ROWS[2:])
        jsonl(folder / "a.jsonl", ROWS[:2])
        (folder / ".hidden.jsonl").write_text("{}")
        (folder / "README.md").write_text("about")
    assert list(read(str(one))) == ROWS
    (two / "README.md").write_text("about something else")
    os.utime(two / "a.jsonl", (1, 1))
    assert identity(str(one)) == identity(str(two)) and problem(str(one)) is None
    (two / "a.jsonl").rename(two / "c.jsonl")
    assert identity(str(one)) != identity(str(two))
    assert short_name(identity(str(one))) == identity(str(one))[7:15]


def test_a_folder_of_mixed_schemas_names_files_and_columns(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.csv").write_text("question,reply\nq,a\n")
    with pytest.raises(DataError, match="a.jsonl and b.csv .* answer only in a.jsonl and reply only in b.csv"):
        list(read(str(tmp_path)))


def test_bad_rows_of_a_folder_say_in_which_file_they_stand(tmp_path: Path) -> None:
    jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / "b.jsonl").write_text(json.dumps(ROWS[0]) + "\n{broken\n")
    bad = list(read(str(tmp_path)))[-1]
    assert isinstance(bad, BadRow) and bad.raw == "b.jsonl: {broken"


@pytest.mark.parametrize("fill", [lambda folder: None, lambda folder: (folder / "x.md").write_text("x")])
def test_a_folder_without_rows_is_a_problem(tmp_path: Path, fill: Any) -> None:
    fill(tmp_path)
    assert "holds no file of rows" in (problem(str(tmp_path)) or "")


def strange(folder: Path) -> None:
    """Put things into a folder that are called like files of rows and are none."""
    folder.mkdir(exist_ok=True)
    (folder / "b.jsonl").symlink_to(folder / "nowhere.jsonl")
    os.mkfifo(folder / "c.jsonl")


def test_what_is_no_regular_file_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    one, two, alone = tmp_path / "one", tmp_path / "two", tmp_path / "alone"
    for folder in (one, two):
        jsonl(folder / "a.jsonl", ROWS)
    for folder in (two, alone):
        strange(folder)
    (two / "d.jsonl").symlink_to(one / "a.jsonl")
    assert problem(str(two)) is None and list(read(str(two))) == ROWS * 2
    (two / "d.jsonl").unlink()
    assert identity(str(one)) == identity(str(two))
    assert identity(str(one)).startswith("sha256:7fae7bfb1605"), "identities of ordinary folders must not move"
    assert "holds no file of rows (b.jsonl, c.jsonl: links to nothing, pipes" in (problem(str(alone)) or "")


def test_a_name_that_is_no_utf8_is_read_and_told(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.jsonl")).write_text(json.dumps(ROWS[0]) + "\n{broken\n")
    good, bad = read(str(tmp_path))
    assert problem(str(tmp_path)) is None and good == ROWS[0]
    assert isinstance(bad, BadRow) and bad.raw == r"a\xff.jsonl: {broken"
    assert identity(str(tmp_path)).startswith("sha256:")
    (tmp_path / "b.csv").write_text("question,reply\nq,a\n")
    with pytest.raises(DataError, match=r"the files a\\xff.jsonl and b.csv"):
        list(read(str(tmp_path)))


def test_a_pipe_is_no_source_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    (tmp_path / "zeros.jsonl").symlink_to("/dev/zero")
    for path in (tmp_path / "rows.jsonl", tmp_path / "zeros.jsonl"):
        assert "is no regular file" in (problem(str(path)) or "")
        with pytest.raises(DataError, match="is no regular file"):
            identity(str(path))


def test_a_folder_of_empty_files_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert "are empty" in (problem(str(tmp_path)) or "")
