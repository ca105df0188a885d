"""What each stage was, what it cost and what made it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaven.engine.nearest import cost_of
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.findings import StageInfo


def stages(graph: Graph, store: Store) -> Iterator[StageInfo]:
    """Yield every stage whose result is there, once, with the arms that share it; in the order of the work."""
    sharing = _sharing(graph)
    for stage in closure(graph.targets):
        record = store.record(stage)
        if record is not None:
            yield _stage(stage, record, sharing.get(stage.key, []))


def _sharing(graph: Graph) -> dict[str, list[str]]:
    arms: dict[str, list[str]] = {}
    for cell in graph.cells:
        mine = [*cell.stages.values(), *(one for suite in cell.suites for one in (suite.told, *suite.scores.values()))]
        for stage in closure(mine):
            named = arms.setdefault(stage.key, [])
            if cell.cell.arm.name not in named:
                named.append(cell.cell.arm.name)
    return arms


def _stage(stage: Stage, record: dict[str, Any], arms: list[str]) -> StageInfo:
    cost, facts = cost_of(record), record["facts"]
    rows, tokens = (cost.get(name) for name in ("rows", "tokens"))
    return StageInfo(
        stage.title, stage.key, arms, seconds=cost.get("wall_s"), memory_mb=cost.get("peak_mb"),
        rows=None if rows is None else int(rows), tokens=None if tokens is None else int(tokens),
        device=facts.get("device"), written=record.get("written"),
    )  # fmt: skip
