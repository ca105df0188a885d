"""What answers repeat word for word of the data that arms were trained on: the longest span of each arm."""

from __future__ import annotations

from collections.abc import Iterator

from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.findings import RecitedInfo


def recited(graph: Graph, store: Store) -> Iterator[RecitedInfo]:
    """Yield, per arm and suite, its longest verbatim span over all seeds, if it is as long as the suite counts."""
    best: dict[tuple[str, str], RecitedInfo] = {}
    for cell in graph.cells:
        for suite in cell.suites:
            stage = suite.scores.get(suite.name)
            if stage is None or stage.kind != "regurgitated" or store.record(stage) is None:
                continue
            place = (cell.cell.arm.name, suite.name)
            for tokens, prompt, source, excerpt in _spans(store, stage):
                if place not in best or tokens > best[place].tokens:
                    best[place] = RecitedInfo(*place, cell.cell.seed, tokens, prompt, source, excerpt)
    yield from sorted(best.values(), key=lambda one: -one.tokens)


def _spans(store: Store, stage: Stage) -> Iterator[tuple[int, str, str, str]]:
    """Yield a cell's spans in the training data that are long enough to count: tokens, prompt, source row, excerpt."""
    least = int(stage.args["span"])
    for row in tables.read(store.folder(stage) / "spans.parquet").to_pylist():
        if row["where"] == "of" and row["tokens"] >= least:
            yield int(row["tokens"]), str(row["id"]), str(row["source"]), str(row["excerpt"])
