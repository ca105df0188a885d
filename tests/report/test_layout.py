from __future__ import annotations

import pytest

from leaven.report.findings import ArmInfo
from leaven.report.layout import MOST_COLUMNS, laid_out
from leaven.report.tables import Cell, Grid, Head, Line


def grid(arms: int, metrics: int) -> Grid:
    heads = [Head(f"m{j}", "", "", "", False) for j in range(metrics)]
    lines = [Line(ArmInfo(f"a{i}"), "", [Cell(f"{i},{j}") for j in range(metrics)]) for i in range(arms)]
    return Grid("suite", heads, lines)


@pytest.mark.parametrize(("arms", "metrics"), [(1, 1), (6, 6), (2, 20), (7, 7), (30, 6), (200, 23), (0, 9), (3, 0)])
def test_no_block_is_wider_than_the_page_and_no_cell_is_lost(arms: int, metrics: int) -> None:
    whole = grid(arms, metrics)
    (laid,) = laid_out([whole])
    for block in laid.blocks:
        assert len(block.lines if laid.turned else block.heads) <= MOST_COLUMNS
        assert all(len(line.cells) == len(block.heads) for line in block.lines)
    joined = [[cell for block in laid.blocks for cell in block.lines[i].cells] for i in range(arms)]
    assert [head for block in laid.blocks for head in block.heads] == whole.heads
    assert joined == [list(line.cells) for line in whole.lines]


def test_few_arms_of_many_metrics_stand_across() -> None:
    (laid,) = laid_out([grid(2, 20)])
    assert laid.turned
    assert not laid_out([grid(2, 6)])[0].turned
