"""What a study wants shown: tables of several suites, the two sides of a trade-off, published numbers."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.evaluate.measure import AVERAGE
from leaven.graph import Graph
from leaven.report.findings import Board, Reference
from leaven.study.shown import Published


def boards(graph: Graph) -> Iterator[Board]:
    """Yield the tables that the study declares; else one for each group of tasks that is averaged."""
    declared = graph.study.report.boards
    for board in declared:
        if board.groups_of is not None:
            yield Board(board.title, [_pair(board.groups_of)], groups=True)
        else:
            yield Board(board.title, [_pair(name) for name in board.columns])
    if not declared:
        for name, parts in graph.averages.items():
            yield Board(name.capitalize(), [*parts, (name, AVERAGE)])


def tradeoff(graph: Graph) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return (suite, metric) of what is gained and of what it may cost, None where the study does not say."""
    declared = graph.study.report.tradeoff
    return None if declared is None else (_pair(declared.gain), _pair(declared.cost))


def references(graph: Graph) -> Iterator[Reference]:
    """Yield the published tables that the study brings."""
    return map(_reference, graph.study.report.published)


def _reference(table: Published) -> Reference:
    columns = [(*_pair(one.metric), one.group, one.name or one.metric) for one in table.columns]
    return Reference(
        table.title, table.source, columns, table.rows, table.arms, table.note, baseline=table.base, scale=table.scale
    )


def _pair(name: str) -> tuple[str, str]:
    suite, _, metric = name.rpartition("/")
    return suite, metric
