from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import rows as tables
from leaven import stages
from leaven.data.matching import nearest
from leaven.data.sources import identity
from leaven.errors import DataError

few = st.lists(st.integers(1, 12), max_size=8)


@given(there=few.map(sorted), wanted=few)
def test_each_takes_the_nearest_that_is_left_the_longest_first(there: list[int], wanted: list[int]) -> None:
    free, made = set(range(len(there))), nearest(there, wanted, within=99)
    assert sum(place is not None for place in made) == min(len(there), len(wanted))
    for index in sorted(range(len(wanted)), key=lambda one: -wanted[one]):
        place = made[index]
        if place is None:
            assert not free
            continue
        best = min(abs(there[one] - wanted[index]) for one in free)
        assert place in free and abs(there[place] - wanted[index]) == best
        free.remove(place)


def test_what_differs_by_more_than_a_tenth_or_ten_characters_is_no_match() -> None:
    assert nearest([5, 900, 1101], [15, 1000]) == [0, 1]
    assert nearest([4, 899, 1101], [15, 1000]) == [None, None]
    assert nearest([100, 1000], [5000, 1000, 105]) == [None, 1, 0], "what has no match takes nothing from others"


def rows(
    folder: Path, name: str, lengths: list[int], seed: int = 0, inputs: dict[str, Path] | None = None, **more: Any
) -> dict[str, Any]:
    path, out = folder / f"{name}.jsonl", folder / name
    out.mkdir()
    path.write_text(
        "".join(json.dumps({"question": f"q{n}", "answer": "x" * n_}) + "\n" for n, n_ in enumerate(lengths))
    )
    args = {"identity": identity(str(path)), "format": {"name": "eli5", "args": {}}, "sample_seed": seed, **more}
    return stages.rows(args, {"source": path, "short": folder / "short", **(inputs or {})}, out)


def made(folder: Path) -> list[int]:
    return [len(one[0]["content"]) for one in tables.read(folder / "rows.parquet")["completion"].to_pylist()]


def test_as_many_rows_as_the_other_has_and_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaven.data.canonical.BATCH", 3)
    rows(tmp_path, "short", [10, 20, 20, 90])
    facts = rows(tmp_path, "long", [200, 21, 88, 5, 19, 11, 300, 1], bad_rows="drop", length_matched_to="short")
    assert made(tmp_path / "long") == [21, 88, 19, 11], "in the order of the source"
    assert facts["rows_in"] == 8 and facts["drops"] == {"not needed to match the lengths of short": 4}
    matched = facts["matched"]
    assert (matched["to"], matched["wanted"], matched["unmatched"]) == ("short", 4, 0)
    assert matched["lengths"]["mean"] == pytest.approx(34.75) and matched["wanted_lengths"]["mean"] == 35
    assert not (tmp_path / "long" / "candidates.parquet").exists()
    kept = {*tables.read(tmp_path / "long" / "rows.parquet")["id"].to_pylist()}
    left = {*tables.read(tmp_path / "long" / "drops.parquet")["id"].to_pylist()}
    assert len(kept | left) == 8 and not kept & left


def test_what_has_no_partner_is_told_and_matching_both_ways_makes_two_equal_sets(tmp_path: Path) -> None:
    rows(tmp_path, "other", [100, 200, 5000])
    inputs = {"other": tmp_path / "other"}
    facts = rows(tmp_path, "short", [190, 105, 150, 20], inputs=inputs, length_matched_to="other")
    assert made(tmp_path / "short") == [190, 105] and facts["matched"]["unmatched"] == 1
    (warning,) = facts["warnings"]
    assert warning.startswith("1 of 3 answers of other have no answer here") and "2 rows stand against 3" in warning
    back = rows(tmp_path, "back", [100, 200, 5000], length_matched_to="short")
    assert made(tmp_path / "back") == [100, 200] and back["matched"]["unmatched"] == 0 and back["warnings"] == []


def test_which_of_equally_long_ones_are_taken_depends_on_the_seed_alone(tmp_path: Path) -> None:
    rows(tmp_path, "short", [10] * 5)
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        rows(tmp_path, name, [10] * 100, seed, length_matched_to="short")
        drawn.append(tables.read(tmp_path / name / "rows.parquet")["id"].to_pylist())
    assert drawn[0] == drawn[1] != drawn[2]


def test_of_preferences_the_chosen_answer_counts(tmp_path: Path) -> None:
    rows(tmp_path, "short", [3])
    path, out = tmp_path / "p.jsonl", tmp_path / "p"
    out.mkdir()
    pairs = [{"prompt": "q", "chosen": "x" * n, "rejected": "y" * 3} for n in (50, 4)]
    path.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
    args = {"identity": identity(str(path)), "format": {"name": "preference", "args": {}}, "length_matched_to": "short"}
    stages.rows(args, {"source": path, "short": tmp_path / "short"}, out)
    (chosen,) = tables.read(out / "rows.parquet")["chosen"].to_pylist()
    assert len(chosen[0]["content"]) == 4


def test_prompts_alone_have_no_length_to_match(tmp_path: Path) -> None:
    rows(tmp_path, "answered", [3])
    path = tmp_path / "texts.txt"
    path.write_text("a\nb\n")
    args = {"identity": identity(str(path)), "format": {"name": "text", "args": {}}}
    for name in ("short", "out"):
        (tmp_path / name).mkdir()
    stages.rows(args, {"source": path}, tmp_path / "short")
    with pytest.raises(DataError, match="short has no answers, so there is no length to match"):
        rows(tmp_path, "long", [3], length_matched_to="short")
    inputs = {"source": path, "answered": tmp_path / "answered"}
    with pytest.raises(DataError, match="none of the 2 rows has an answer about as long as one of answered"):
        stages.rows({**args, "length_matched_to": "answered"}, inputs, tmp_path / "out")
