from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from leaven.errors import ReportError
from leaven.readers.brought import Brought, Document, frame
from leaven.readers.paired import pair


def source(
    label: str,
    items: Iterable[str] = "abc",
    arms: Iterable[str] | None = None,
    seed: int | None = None,
    suite: str = "qa",
    documents: Mapping[tuple[str, str], Document] | None = None,
) -> Brought:
    rows = [(arm, suite, item) for arm in arms or [label] for item in items]
    columns: dict[str, list[Any]] = {
        "arm": [row[0] for row in rows], "suite": [row[1] for row in rows], "item_id": [row[2] for row in rows],
        "metric": ["acc"] * len(rows), "value": [1.0] * len(rows), "seed": [seed] * len(rows),
    }  # fmt: skip
    return Brought(kind="table", label=label, place=label, measurements=frame(columns), documents=documents or {})


def test_the_first_is_the_baseline_of_all() -> None:
    assert pair([source("A"), source("B"), source("C")]).to == {"B": "A", "C": "A"}


def test_arms_of_one_name_are_compared_and_others_are_named() -> None:
    paired = pair([source("v1", arms=["clean", "bad"]), source("v2", arms=["clean", "worse"])])
    assert paired.to == {"v2:clean": "v1:clean"}
    assert paired.notes == ["compared with none, because no arm has their name: v1:bad, v2:worse"]
    assert set(paired.measurements["arm"]) == {"v1:clean", "v1:bad", "v2:clean", "v2:worse"}


def test_one_arm_alone_is_the_baseline_of_all_arms() -> None:
    assert pair([source("base"), source("v2", arms=["clean", "bad"])]).to == {"v2:clean": "base", "v2:bad": "base"}


def test_arms_without_a_namesake_cannot_be_compared() -> None:
    with pytest.raises(ReportError, match="v1 has a, b; v2 has c, d"):
        pair([source("v1", arms="ab"), source("v2", arms="cd")])


def test_nothing_measured_on_both_sides_cannot_be_compared() -> None:
    with pytest.raises(ReportError, match="A has qa/acc; B has arc/acc"):
        pair([source("A"), source("B", suite="arc")])


def test_items_and_seeds_on_one_side_are_counted_and_named() -> None:
    paired = pair([source("A", "abc", seed=0), source("B", "bcdefghijk", seed=1)])
    assert paired.notes == [
        "qa: 1 item only in A, so not compared: a",
        "qa: 8 items only in B, so not compared: d, e, f, g, h and 3 more",
        "seeds only in one of A and B: 0, 1",
    ]


def test_the_same_id_of_another_document_is_no_pair() -> None:
    ours = {("qa", item): Document(item, "prompt") for item in "abc"}
    theirs = ours | {("qa", "b"): Document("other", "prompt"), ("qa", "c"): Document("c", "another prompt")}
    paired = pair([source("A", documents=ours), source("B", documents=theirs)])
    table = paired.measurements
    assert set(table[table["arm"] == "B"]["item_id"]) == {"a", "c"} and len(table[table["arm"] == "A"]) == 3
    assert "1 of 3 items is another document in B than in A" in paired.notes[0]
    assert "1 item was asked with another prompt" in paired.notes[1]
    assert paired.notes[2] == "qa: 1 item only in A, so not compared: b"


def test_two_versions_of_the_data_cannot_be_compared() -> None:
    ours, theirs = ({("qa", item): Document(f"{item}{version}") for item in "abc"} for version in (1, 2))
    with pytest.raises(ReportError, match="share no document"):
        pair([source("A", documents=ours), source("B", documents=theirs)])


def test_a_document_that_one_side_does_not_tell_is_trusted() -> None:
    ours = {("qa", "a"): Document("x")}
    assert pair([source("A", documents=ours), source("B", documents={("qa", "a"): Document()})]).notes == []
