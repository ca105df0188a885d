"""Which tables of numbers a report shows: the boards first, then the suites and groups that no board holds whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from leaven.report import tables
from leaven.report.findings import Board, Findings
from leaven.report.means import Column, Means
from leaven.report.published import published
from leaven.report.tables import Grid
from leaven.report.text import clip


@dataclass(frozen=True)
class Shown:
    """A report's tables: ``inside`` are suites of which a board shows a part, whole; ``groups`` those of no board."""

    boards: Sequence[Grid]
    suites: Sequence[Grid]
    inside: Sequence[Grid]
    groups: Sequence[Grid]
    published: Sequence[Grid]

    @property
    def every(self) -> list[Grid]:
        """All tables, in the order of a page."""
        return [*self.boards, *self.suites, *self.published, *self.inside, *self.groups]


def shown(findings: Findings, found: Means) -> Shown:
    """Sort the tables; no column of a board stands alone in a table of its own as well."""
    boards = [grid for board in findings.boards for grid in _board(findings, found, board)]
    flat = {Column(*column) for board in findings.boards for column in board.columns}
    grouped = {tuple(column) for board in findings.boards if board.groups for column in board.columns}
    suites, inside = [], []
    for grid, columns in tables.suites(findings, found):
        if not flat & set(columns):
            suites.append(grid)
        elif set(columns) - flat:
            inside.append(grid)
    groups = [grid for column, grid in tables.groups(findings, found) if column not in grouped]
    return Shown(boards, suites, inside, groups, published(findings, found))


def _board(findings: Findings, found: Means, board: Board) -> Iterator[Grid]:
    """Yield a board's table, or one for each of its columns where it is of groups; none of what nobody measured."""
    if board.groups:
        yield from _of_groups(findings, found, board)
        return
    over = [Column(*column) for column in board.columns]
    compared = {Column(c.suite, c.metric, c.group) for c in findings.comparisons}
    if not any(column in compared or any(known == column for _, known in found) for column in over):
        return
    made = tables.grid(findings, found, board.title, over)
    heads = [replace(head, name=f"{one.suite} {one.metric}") for head, one in zip(made.heads, over, strict=True)]
    yield _said_once(replace(made, heads=heads, kind="board"))


def _said_once(grid: Grid) -> Grid:
    """Return a table whose columns' common direction and unit stand below it, not in every head."""
    common = {(head.direction, head.unit) for head in grid.heads}
    if len(common) > 1 or len(grid.heads) == 1:
        return grid
    about = ", ".join(filter(None, common.pop()))
    heads = [replace(head, direction="", unit="") for head in grid.heads]
    return replace(grid, heads=heads, note=f"All columns: {about}." if about else "")


def _of_groups(findings: Findings, found: Means, board: Board) -> Iterator[Grid]:
    there = {column[:2] for column in tables.in_groups(findings, found)}
    for suite, metric in board.columns:
        named = f"{board.title}: {clip(metric, 60)} ({clip(suite, 60)})" if len(board.columns) > 1 else board.title
        if (suite, metric) in there:
            yield tables.of_groups(findings, found, (suite, metric), named, with_all=True)
