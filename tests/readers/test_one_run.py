"""What states no seed beside what does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from leaven.readers.brought import Brought, frame
from leaven.readers.one_run import as_one_run


def source(name: str, *seeds: int | None, kind: str = "table") -> Brought:
    size = len(seeds)
    columns: dict[str, list[Any]] = {"arm": [name] * size, "suite": ["qa"] * size, "metric": ["acc"] * size, "item_id": ["a"] * size,
               "seed": list(seeds), "value": [1.0] * size}  # fmt: skip
    return Brought(kind=kind, label=name, place=name, measurements=frame(columns))


def seeds(sources: list[Brought]) -> list[list[int]]:
    return [[int(seed) for seed in one.measurements["seed"].dropna()] for one in sources]


def test_a_baseline_without_seeds_gets_the_seed_that_most_have() -> None:
    made, notes = as_one_run([source("a", None), source("b", 1, 2), source("c", 2, 3)], {"b": "a", "c": "a"})
    assert seeds(made) == [[2], [2], [2]]
    assert "paired with seed 2 alone (left out: b's 1; c's 3)" in notes[0]


def test_a_baseline_keeps_the_seeds_that_another_arm_needs() -> None:
    made, notes = as_one_run([source("a", 0, 1), source("b", None), source("c", 0, 1)], {"b": "a", "c": "a"})
    assert seeds(made) == [[0, 1], [0], [0, 1]] and "left out" not in notes[0]


def test_runs_and_what_agrees_stay_as_they_are() -> None:
    run = source("base", None, kind="run")
    for sources in ([source("a", None), source("b", None)], [source("a", 0), source("b", 0)], [run, source("b", 0, 1)]):
        made, notes = as_one_run(sources, {"b": sources[0].label})
        assert seeds(made) == seeds(sources) and not notes


def test_an_arm_of_which_nothing_is_left_is_no_trouble() -> None:
    one, two = source("a", None), source("b", 0)
    empty = replace(two, measurements=two.measurements.loc[[False]])
    assert seeds(as_one_run([one, empty], {"b": "a"})[0]) == [[], []]
