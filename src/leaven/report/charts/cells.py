"""A sheet of cells with a value in each: rows at the left, heads above, colours by strength."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from leaven.report import svg
from leaven.report.charts.canvas import WIDTH, Canvas, canvas
from leaven.report.charts.scale import SMALL, short, width

STRONGEST = 0.5  # a cell's opacity at most: the value in it has to be read, in light and in dark
_NAME, _LEAST = 18, 8.5  # letters of a name; the smallest size of a value
_TURN = 50.0  # degrees of a head that is wider than its cell


@dataclass(frozen=True)
class Patch:
    """One cell: what stands in it, its colour with its strength (0 to 1), and what it says when pointed at."""

    text: str
    colour: str = svg.OTHER
    strength: float = 0.0
    bold: bool = False
    tip: str = ""


@contextmanager
def cells(names: Sequence[str], heads: Sequence[str], patches: Sequence[Sequence[Patch]]) -> Iterator[Canvas]:
    """Open a sheet and draw the cells; ``patches`` is rows x heads. Heads too wide for their cells are turned."""
    labels, above = [short(one, _NAME) for one in names], [short(one, _NAME) for one in heads]
    left = 12 + max(width(text, SMALL) for text in labels)
    widest = max(width(text, SMALL) for text in above)
    turned = widest > (WIDTH - left - 6) / len(heads) - 4
    rise, run = math.sin(math.radians(_TURN)), math.cos(math.radians(_TURN))
    top = 14 + (rise * widest + 8 if turned else SMALL)
    right = 6 + (max(0.0, run * width(above[-1], SMALL) - 16) if turned else 0)
    with canvas(24.0 * len(names) + top + 6, left=left, right=right, top=top, bottom=6) as sheet:
        sheet.axes.spines["bottom"].set_visible(False)
        sheet.axes.set_xlim(-0.5, len(heads) - 0.5)
        sheet.axes.set_ylim(len(names) - 0.5, -0.5)
        sheet.axes.set_yticks(range(len(names)), labels, fontsize=SMALL)
        sheet.axes.set_xticks([])
        _heads(sheet, above, turned)
        size = _size(patches, (WIDTH - left - right) / len(heads))
        for row, line in enumerate(patches):
            for column, patch in enumerate(line):
                _patch(sheet, (row, column), patch, size)
        yield sheet


def _size(patches: Sequence[Sequence[Patch]], cell: float) -> float:
    """Return the largest letters that let the longest value stand in its cell."""
    longest = max(width(patch.text, 1.0) for line in patches for patch in line)
    return min(SMALL, max(_LEAST, (cell - 3) / (1.07 * longest)))


def _heads(sheet: Canvas, heads: Sequence[str], turned: bool) -> None:
    for column, text in enumerate(heads):
        if turned:
            sheet.text(column, -0.5, text, ha="left", va="bottom", rotation=_TURN, rotation_mode="anchor", dx=-3, dy=5)
        else:
            sheet.text(column, -0.5, text, ha="center", va="bottom", dy=5)


def _patch(sheet: Canvas, at: tuple[int, int], patch: Patch, size: float) -> None:
    from matplotlib.patches import Rectangle

    row, column = at
    strength = round(STRONGEST * min(max(patch.strength, 0.0), 1.0), 2)
    face: dict[str, Any] = {"facecolor": patch.colour, "alpha": strength} if strength else {"facecolor": "none"}
    made = Rectangle((column - 0.485, row - 0.46), 0.97, 0.92, lw=0, clip_on=False, **face)
    sheet.axes.add_patch(made)
    sheet.mark(made, patch.tip)
    colour = svg.INK if patch.bold or strength else svg.OTHER
    weight = "bold" if patch.bold else "normal"
    sheet.text(column, row, patch.text, ha="center", color=colour, fontweight=weight, fontsize=size)
