from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import rows as tables
from leaven import stages
from leaven.data import canonical as room
from leaven.data.canonical import Batch, Slice, canonical, head_problem, some
from leaven.data.sources import identity
from leaven.errors import DataError
from leaven.registry import Step

ROWS = [{"question": f"q{n}", "answer": f"a{n}"} for n in range(5)]
ELI5 = Step(name="eli5")
ALL = Slice()


def jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def joined(batches: room.Batches) -> Batch:
    every = list(batches)
    rows, drops = ([one for batch in every for one in getattr(batch, name)] for name in ("rows", "drops"))
    return Batch(rows, drops, sum(batch.rows_in for batch in every))


def made(path: Path, part: Slice = ALL, bad_rows: str = "drop") -> Batch:
    return joined(some(canonical(str(path), ELI5, part, bad_rows)))


def test_ids_are_indices_in_the_source_before_any_filter(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [ROWS[0], {"question": "", "answer": "x"}, *ROWS[2:]])
    found = made(path, Slice(skip=1, take=3))
    assert [row["id"].split(":")[1] for row in found.rows] == ["2", "3"]
    assert found.reasons() == {"question is empty": 1}
    assert found.rows_in == len(found.rows) + len(found.drops) == 3


def test_a_bad_row_stops_unless_the_study_says_drop(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [*ROWS, {"question": "q", "answer": None}])
    with pytest.raises(DataError, match=r"row 5: answer is empty \(null\), not text \[\{.*bad_rows: drop"):
        made(path, bad_rows="error")


def test_lines_that_are_no_rows_are_counted_and_quoted_in_their_place(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n{broken \x1b[31m\n[1]\n\xff\xfe\n")
    found = made(path)
    assert found.rows_in == 4 and [drop["id"].split(":")[1] for drop in found.drops] == ["1", "2", "3"]
    assert [drop["excerpt"] for drop in found.drops] == ["{broken  [31m", "[1]", r"\xff\xfe"]
    with pytest.raises(DataError, match=r"row 1: the line is no JSON \[\{broken"):
        made(path, bad_rows="error")


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", [{"question": "", "answer": ""}])
    with pytest.raises(DataError, match="none of the 1 rows can be used: 1 x question is empty"):
        made(path)
    with pytest.raises(DataError, match="there are no rows"):
        made(path, Slice(skip=9))


def test_columns_that_fit_no_format_name_those_that_would(tmp_path: Path) -> None:
    path = str(jsonl(tmp_path / "a.jsonl", ROWS))
    said = head_problem(path, Step(name="hh"), Slice(), "error") or ""
    assert "format hh reads chosen, rejected, the columns are question, answer" in said
    assert "fit the format eli5" in said


@pytest.mark.parametrize(("rows", "characters", "sizes"), [(2, 10**6, [2, 2, 1]), (100, 8, [2, 2, 1])])
def test_rows_go_by_in_batches_of_few_rows_and_little_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, characters: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(room, "BATCH", rows)
    monkeypatch.setattr(room, "_CHARACTERS", characters)
    found = [len(batch.rows) for batch in canonical(str(jsonl(tmp_path / "a.jsonl", ROWS)), ELI5, Slice(), "drop")]
    assert [size for size in found if size] == sizes


def test_no_row_behind_the_last_that_is_taken_is_asked_for() -> None:
    def rows() -> Iterator[int]:
        yield from range(3)
        raise AssertionError("asked for a fourth row")

    assert [row for _, row in Slice(skip=1, take=2).of(rows())] == [1, 2]


@given(lines=st.lists(st.sampled_from(["{broken", json.dumps(ROWS[0]), '{"question": "q", "answer": ""}', "[]"])))
def test_no_row_is_lost(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    path.write_text("\n".join(lines))
    found = joined(canonical(str(path), ELI5, Slice(), "drop"))
    assert found.rows_in == len(found.rows) + len(found.drops) == len(lines)
    ids = sorted(int(row["id"].split(":")[1]) for row in itertools.chain(found.rows, found.drops))
    assert ids == list(range(len(lines)))


def stage(folder: Path, source: Path, format: str = "eli5", **more: Any) -> dict[str, Any]:
    folder.mkdir()
    args = {"identity": identity(str(source)), "format": {"name": format, "args": {}}, **more.pop("args", {})}
    return stages.rows(args, {"source": source, **more}, folder)


def test_the_verb_writes_what_came_through_and_what_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BATCH", 2)
    source = jsonl(tmp_path / "a.jsonl", [*ROWS, {"question": "q", "answer": ""}])
    facts = stage(tmp_path / "out", source, args={"bad_rows": "drop"})
    assert facts == {"kind": "examples", "rows_in": 6, "rows": 5, "drops": {"answer is empty": 1}}
    assert tables.read(tmp_path / "out" / "rows.parquet")["completion"].to_pylist() == [
        [{"role": "assistant", "content": row["answer"]}] for row in ROWS
    ]
    (drop,) = tables.read(tmp_path / "out" / "drops.parquet").to_pylist()
    assert drop["id"].endswith(":5") and '"answer": ""' in drop["excerpt"]


def test_the_verb_refuses_a_source_that_was_edited(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", ROWS)
    with pytest.raises(DataError, match="was edited after the study began"):
        stage(tmp_path / "out", source, args={"identity": "sha256:0"})


def test_parts_of_one_source_share_no_question_and_hold_all_rows(tmp_path: Path) -> None:
    rows = [{"question": question, "answer": f"a{n}"} for n in range(40) for question in (f"Why {n}?", f"why {n}")]
    source = jsonl(tmp_path / "a.jsonl", rows)
    parts = {}
    for name, bounds in {"low": [0.0, 0.3], "high": [0.3, 1.0]}.items():
        facts = stage(tmp_path / name, source, args={"part": bounds})
        assert facts["rows_in"] == 80 == facts["rows"] + sum(facts["drops"].values())
        told = tables.read(tmp_path / name / "rows.parquet")["prompt"].to_pylist()
        parts[name] = {turns[-1]["content"].rstrip("?").casefold() for turns in told}
    assert not parts["low"] & parts["high"] and len(parts["low"] | parts["high"]) == 40


def test_what_others_ask_is_held_out_and_listed(tmp_path: Path) -> None:
    asked = [{"question": "Why is the sky blue?\n\nI looked up and wondered.", "answer": "a"}]
    stage(tmp_path / "train", jsonl(tmp_path / "train.jsonl", asked))
    tested = [{"question": "why is the sky blue", "answer": "b"}, *ROWS]
    facts = stage(
        tmp_path / "test", jsonl(tmp_path / "test.jsonl", tested),
        args={"held_out_from": ["webgpt"]}, webgpt=tmp_path / "train",
    )  # fmt: skip
    assert facts["drops"] == {"prompt occurs in webgpt": 1} and facts["rows"] == 5
    (drop,) = tables.read(tmp_path / "test" / "drops.parquet").to_pylist()
    assert drop["excerpt"] == "why is the sky blue"
