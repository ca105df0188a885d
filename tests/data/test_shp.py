from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from leaven.data.canonical import Batch, Slice, canonical
from leaven.data.formats import BadRow, Skipped
from leaven.errors import DataError
from leaven.registry import FORMATS, Step

POST: dict[str, Any] = {
    "post_id": "p0",
    "domain": "askculinary_train",
    "history": "How long?",
    "human_ref_A": "An hour.",
    "human_ref_B": "A day.",
    "labels": 1,
    "score_A": 30,
    "score_B": 10,
    "score_ratio": 3.0,
}


def read(row: dict[str, Any], **args: Any) -> dict[str, Any]:
    made: dict[str, Any] = FORMATS.get("shp").call(row, args=args)
    return made


def test_label_1_prefers_a_and_0_prefers_b() -> None:
    first = read(POST)
    assert (first["chosen"][0]["content"], first["rejected"][0]["content"]) == ("An hour.", "A day.")
    second = read({**POST, "labels": 0, "score_A": 10, "score_B": 30})
    assert (second["chosen"][0]["content"], second["rejected"][0]["content"]) == ("A day.", "An hour.")
    assert first["margin"] == second["margin"] == pytest.approx(math.log(3))
    assert first["group"] == "askculinary_train"


def test_a_label_against_the_votes_is_a_bad_row() -> None:
    with pytest.raises(BadRow, match="labels prefers B, which has the lower score"):
        read({**POST, "labels": 0})


@pytest.mark.parametrize(("ratio", "kept"), [(2, True), (3, True), (3.01, False)])
def test_pairs_below_the_ratio_are_skipped_and_say_so(ratio: float, kept: bool) -> None:
    if kept:
        assert read(POST, min_score_ratio=ratio)["margin"] > 0
    else:
        with pytest.raises(Skipped, match=r"score ratio below 3\.01"):
            read(POST, min_score_ratio=ratio)


def test_without_the_column_the_ratio_is_that_of_the_scores() -> None:
    row = {name: value for name, value in POST.items() if name not in ("score_ratio", "domain")}
    assert read(row)["margin"] == pytest.approx(math.log(3)) and read(row)["group"] is None
    low = read({**row, "score_A": 8, "score_B": -4})
    assert low["margin"] == pytest.approx(math.log(8)), "scores below 1 count as 1"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": 2}, "labels is 2, neither 0 nor 1"),
        ({"labels": None}, r"labels is empty \(null\), not a number"),
        ({"score_ratio": 0.5}, "score_ratio is below 1"),
        ({"human_ref_B": " "}, "human_ref_B is empty"),
        ({"history": ""}, "history is empty"),
        ({"score_A": "many"}, "score_A is a str, not a number"),
    ],
)
def test_bad_rows_say_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        read({**POST, **change})


def made(path: Path, rows: list[dict[str, Any]], **args: Any) -> Batch:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    every = list(canonical(str(path), Step(name="shp", args=args), Slice(), "error"))
    return Batch([row for one in every for row in one.rows], [drop for one in every for drop in one.drops])


def test_few_pairs_of_a_post_are_taken_the_first_and_the_others_counted(tmp_path: Path) -> None:
    rows = [{**POST, "post_id": f"p{n % 2}", "human_ref_A": f"answer {n}"} for n in range(6)]
    rows.insert(0, {**POST, "post_id": "p0", "score_ratio": 1.2})
    found = made(tmp_path / "a.jsonl", rows, max_per_post=2, min_score_ratio=2)
    assert [row["id"].split(":")[1] for row in found.rows] == ["1", "2", "3", "4"], (
        "what the ratio skips takes no place"
    )
    assert found.reasons() == {"score ratio below 2": 1, "more than 2 rows of one post_id": 2}


def test_posts_are_counted_anew_in_every_reading(tmp_path: Path) -> None:
    for _ in range(2):
        assert len(made(tmp_path / "a.jsonl", [POST, POST], max_per_post=1).rows) == 1


def test_a_limit_by_post_needs_the_posts_name(tmp_path: Path) -> None:
    row = {name: value for name, value in POST.items() if name != "post_id"}
    assert len(made(tmp_path / "a.jsonl", [row]).rows) == 1
    with pytest.raises(DataError, match="has no column post_id"):
        made(tmp_path / "b.jsonl", [row], max_per_post=5)
