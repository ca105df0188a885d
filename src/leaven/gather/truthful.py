"""How far verdicts by people's labels can be trusted: how often they are what people said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leaven.engine.store import Store
from leaven.graph import Graph, WiredSuite
from leaven.report.findings import AgreedInfo


def agreed(graph: Graph, store: Store) -> Iterator[AgreedInfo]:
    """Yield, for each suite that judges by labels, how often its judge agrees with people: first all, then by band."""
    for suite in graph.suites:
        if (found := _agreement(suite, store)) is None:
            continue
        counts = (found["verdicts"], found["answers"], found["accuracy"], found["of_true"], found["of_false"])
        yield AgreedInfo(suite.name, None, *counts, found["majority"])
        for band in found["bands"]:
            span = (band["from"], band["to"])
            yield AgreedInfo(suite.name, span, band["answers"], found["answers"], band["accuracy"])


def _agreement(suite: WiredSuite, store: Store) -> dict[str, Any] | None:
    stage = suite.scores.get(suite.name)
    people = stage.inputs["people"] if stage is not None and stage.kind == "truthful" else None
    record = store.record(people) if people is not None else None
    return None if record is None else dict(record["facts"]["agreement"])
