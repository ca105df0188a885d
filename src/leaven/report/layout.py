"""How a wide table of arms and metrics is laid out, so that nobody has to scroll sideways on an ordinary screen.

Few arms and many metrics: turned, a metric a line. Many of both: blocks of columns below one another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from leaven.report.tables import Grid

MOST_COLUMNS = 6  # beside the first, at 1280 pixels


@dataclass(frozen=True)
class Laid:
    """A table in one block or several; ``turned`` means that arms stand across and metrics down.

    ``kind`` is the table's: suite, groups, board or published.
    """

    title: str
    blocks: Sequence[Grid]
    turned: bool = False
    kind: str = "suite"


def laid_out(grids: Iterable[Grid]) -> list[Laid]:
    """Return how each table is laid out."""
    return [_laid(grid) for grid in grids]


def _laid(grid: Grid) -> Laid:
    if len(grid.heads) > MOST_COLUMNS >= len(grid.lines):
        return Laid(grid.title, [grid], turned=True, kind=grid.kind)
    blocks = [_columns(grid, first, last) for first, last in _parts(len(grid.heads))]
    return Laid(grid.title, blocks, kind=grid.kind)


def _parts(n: int) -> list[tuple[int, int]]:
    """Return equally wide parts of ``n`` columns, none wider than the page."""
    parts = max(1, -(-n // MOST_COLUMNS))
    edges = [round(place * n / parts) for place in range(parts + 1)]
    return list(itertools.pairwise(edges))


def _columns(grid: Grid, first: int, last: int) -> Grid:
    lines = [replace(line, cells=line.cells[first:last]) for line in grid.lines]
    return replace(grid, heads=grid.heads[first:last], lines=lines)
