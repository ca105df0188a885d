from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import rows as tables
from leaven import stages
from leaven.data import sources
from leaven.data.mixture import copies
from leaven.errors import DataError


def turns(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def put(folder: Path, name: str, count: int, kind: str = "examples") -> Path:
    place = folder / name
    place.mkdir()
    answers = ["completion"] if kind == "examples" else ["chosen", "rejected"]
    rows = [
        {"id": f"{name}:{n}", "prompt": turns("user", f"q{n}"), **{one: turns("assistant", f"a{n}") for one in answers}}
        for n in range(count)
    ]
    tables.write(place / "rows.parquet", kind, rows)
    return place


def mix(folder: Path, inputs: dict[str, Path], **parts: Any) -> tuple[dict[str, Any], list[str]]:
    out = folder / f"out{len(list(folder.iterdir()))}"
    out.mkdir()
    declared = [{"name": name, **part} for name, part in parts.items()]
    facts = stages.mix({"parts": declared, "seed": 0}, inputs, out)
    return facts, tables.read(out / "rows.parquet")["id"].to_pylist()


numbers = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=40, unique=True).map(np.array)
weights = st.floats(0.01, 4)


@given(numbers=numbers, low=weights, high=weights, cap=st.none() | st.integers(1, 60))
def test_a_larger_weight_or_cap_contains_the_smaller(
    numbers: np.ndarray[Any, Any], low: float, high: float, cap: int | None
) -> None:
    low, high = sorted((low, high))
    fewer, more = copies(numbers, low, cap), copies(numbers, high, cap)
    assert (fewer <= more).all() and more.max() - more.min() <= 1
    assert more.sum() == min(int(high * len(numbers) + 0.5), cap or 10**9)
    assert (copies(numbers, high, (cap or 60) + 5) >= more).all() or cap is None


def test_rows_stand_in_the_order_of_parts_and_sources(tmp_path: Path) -> None:
    inputs = {"a": put(tmp_path, "a", 100), "b": put(tmp_path, "b", 50)}
    facts, ids = mix(tmp_path, inputs, b={"weight": 1.0}, a={"weight": 0.5, "cap": 40})
    assert ids[:50] == [f"b:{n}" for n in range(50)]
    taken = [int(one.split(":")[1]) for one in ids[50:]]
    assert taken == sorted(taken) and len(taken) == 40
    assert facts["rows_in"] == 150 and facts["rows"] == 90
    assert facts["drops"] == {"not taken: a has weight 0.5 and cap 40": 60}
    assert facts["parts"] == {"b": {"rows": 50, "left_out": 0}, "a": {"rows": 40, "left_out": 60}}


def test_what_a_part_gives_depends_on_no_other(tmp_path: Path) -> None:
    inputs = {"a": put(tmp_path, "a", 60), "b": put(tmp_path, "b", 60)}
    alone = mix(tmp_path, {"a": inputs["a"]}, a={"weight": 0.3})[1]
    beside = mix(tmp_path, inputs, b={"weight": 1.0}, a={"weight": 0.3})[1]
    assert beside[60:] == alone and len(alone) == 18


def test_weights_above_one_repeat_rows_under_ids_of_their_own(tmp_path: Path) -> None:
    facts, ids = mix(tmp_path, {"a": put(tmp_path, "a", 10)}, a={"weight": 2.5})
    assert len(ids) == len(set(ids)) == facts["rows"] == 25 and facts["drops"] == {}
    times = Counter(one.split("#")[0] for one in ids)
    assert set(times) == {f"a:{n}" for n in range(10)} and sorted(times.values()) == [2] * 5 + [3] * 5
    assert {one.partition("#")[2] for one in ids} == {"", "1", "2"}


def read(folder: Path, identity: str) -> Path:
    """Make canonical rows of a source of the hub as the verb `rows` does."""
    (out := folder / identity.rpartition("/")[2]).mkdir()
    declared = {"name": "prompt_completion", "version": 1, "args": {}}
    stages.rows({"source": "hub:owner/name", "identity": identity, "format": declared}, {}, out)
    return out


def test_two_splits_of_one_set_of_the_hub_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leaven.data.hub.read", lambda identity: iter([{"prompt": "q", "completion": "a"}] * 5))
    inputs = {name: read(tmp_path, sources.identity("hub:owner/name", "0" * 40, None, name)) for name in ("a", "b")}
    facts, ids = mix(tmp_path, inputs, a={}, b={})
    assert facts["rows"] == len(set(ids)) == 10 and all(one.startswith("name-") for one in ids)


def test_rows_of_two_kinds_do_not_mix(tmp_path: Path) -> None:
    inputs = {"a": put(tmp_path, "a", 5), "b": put(tmp_path, "b", 5, "preferences")}
    with pytest.raises(DataError, match="a is of examples, b of preferences"):
        mix(tmp_path, inputs, a={}, b={})


def test_one_row_in_two_parts_is_refused(tmp_path: Path) -> None:
    place = put(tmp_path, "a", 5)
    with pytest.raises(DataError, match="a and again hold 5 equal rows"):
        mix(tmp_path, {"a": place, "again": place}, a={}, again={})
