"""What the doctor found on a base stands in the report once, with the arms that it concerns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from leaven.gather import records
from leaven.graph import EXAMINED


class Kept:
    """A store that has the records of some stages."""

    def __init__(self, **warnings: list[str]) -> None:
        self.known = warnings

    def record(self, stage: Any) -> dict[str, Any] | None:
        return {"facts": {"warnings": self.known[stage.key]}} if stage.key in self.known else None


def cell(arm: str, base: str | None) -> Any:
    stages = {} if base is None else {EXAMINED: SimpleNamespace(key=base)}
    return SimpleNamespace(cell=SimpleNamespace(arm=SimpleNamespace(name=arm)), stages=stages, trained=[])


def told(store: Any, *cells: Any) -> list[str]:
    graph: Any = SimpleNamespace(cells=list(cells))
    return list(records.doctor(graph, store))


def test_arms_of_one_finding_are_told_together() -> None:
    store = Kept(adapter=["pads", "runs on"], whole=["pads"])
    cells = [cell("low", "adapter"), cell("low", "adapter"), cell("full", "whole"), cell("bare", None)]
    assert told(store, *cells) == ["the base of low, full: pads", "the base of low: runs on"]


def test_many_arms_are_counted_and_what_was_not_made_says_nothing() -> None:
    cells = [cell(f"a{n}", "whole") for n in range(6)]
    assert told(Kept(whole=["pads"]), *cells) == ["the base of a0, a1, a2, a3 and 2 more: pads"]
    assert told(Kept(), *cells) == []
