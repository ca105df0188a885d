from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import rows as tables
from leaven import stages
from leaven.data.canonical import Slice, drawn, head_problem
from leaven.data.sources import identity
from leaven.registry import Step


def taken(count: int, rows: int, seed: int = 0) -> list[int]:
    return [index for index, _ in drawn(enumerate(range(rows)), count, seed)]


@given(rows=st.integers(0, 60), small=st.integers(1, 70), more=st.integers(0, 30), seed=st.integers(0, 9))
def test_a_smaller_sample_is_a_part_of_a_larger_one_and_keeps_the_order(
    rows: int, small: int, more: int, seed: int
) -> None:
    few, many = taken(small, rows, seed), taken(small + more, rows, seed)
    assert few == sorted(set(few)) and len(few) == min(small, rows)
    assert set(few) <= set(many)


def test_every_row_is_as_likely_and_seeds_differ() -> None:
    counts = Counter(index for seed in range(2000) for index in taken(5, 20, seed))
    assert all(400 < counts[index] < 600 for index in range(20)), "500 are expected, with a deviation of 19"
    assert taken(5, 1000, 1) != taken(5, 1000, 2) and taken(5, 1000, 1) == taken(5, 1000, 1)


def test_what_rows_hold_does_not_matter_and_equal_rows_are_no_trouble() -> None:
    rows = [(index, {"a": None}) for index in range(50)]
    assert [index for index, _ in drawn(rows, 5, 0)] == taken(5, 50)


def test_the_range_is_taken_first() -> None:
    indices = [index for index, _ in Slice(skip=10, take=20, sample=5).of(range(100))]
    assert len(indices) == 5 and all(10 <= index < 30 for index in indices)
    assert [index for index, _ in Slice(take=2, sample=1).head(range(9))] == [0, 1]


def test_millions_go_by_and_only_the_sample_is_held() -> None:
    def rows() -> Iterator[str]:
        for index in range(40_000):
            yield f"{index}" * 500

    tracemalloc.start()
    try:
        found = list(Slice(sample=100).of(rows()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found) == 100 and peak < 1_500_000, "all rows would be about 90 MB"


def test_the_verb_samples_and_drops_are_counted_of_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(json.dumps({"question": f"q{n}" if n % 2 else "", "answer": "a"}) + "\n" for n in range(60))
    )
    args = {
        "identity": identity(str(path)), "format": {"name": "eli5", "args": {}}, "bad_rows": "drop", "sample": 20,
        "sample_seed": 3,
    }  # fmt: skip
    facts = stages.rows(args, {"source": path}, tmp_path)
    assert facts["rows_in"] == 20 == facts["rows"] + facts["drops"]["question is empty"]
    indices = [int(one.split(":")[1]) for one in tables.read(tmp_path / "rows.parquet")["id"].to_pylist()]
    drops = [int(one.split(":")[1]) for one in tables.read(tmp_path / "drops.parquet")["id"].to_pylist()]
    assert indices == sorted(indices) and sorted(indices + drops) == taken(20, 60, 3)


@pytest.mark.parametrize("part", [Slice(), Slice(sample=1)])
def test_the_head_of_a_source_is_looked_at_without_reading_all_of_it(tmp_path: Path, part: Slice) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "q", "answer": "a"}\n' * 150 + "{broken\n")
    assert head_problem(str(path), Step(name="eli5"), part, "error") is None
