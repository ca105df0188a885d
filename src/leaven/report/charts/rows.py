"""A sheet with a line of its own for each row, and the rows' names at its left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from leaven.report import svg
from leaven.report.charts.canvas import Canvas, canvas
from leaven.report.charts.scale import SMALL, short, width

LINE = 21.0
MOST = 40  # rows in one picture
_NAME = 20  # letters


@contextmanager
def rows(names: Sequence[str], above: str, *, right: float = 14, line: float = LINE) -> Iterator[Canvas]:
    """Open a sheet whose rows stand at 0, -1, -2 and so on, with what is measured ``above`` them.

    Long names are cut in their middle.
    """
    labels = [short(name, _NAME) for name in names]
    left = 12 + max((width(text, SMALL) for text in labels), default=0.0)
    with canvas(line * len(names) + 46, left=left, right=right, top=22, bottom=24) as sheet:
        sheet.name_above(above)
        sheet.axes.set_ylim(0.5 - len(names), 0.5)
        sheet.axes.set_yticks([-float(place) for place in range(len(names))], labels, fontsize=SMALL)
        yield sheet


def zero(sheet: Canvas, margin: float | None) -> None:
    """Draw where there is no difference, and the margin within which one counts as none."""
    if margin:
        sheet.axes.axvspan(-margin, margin, color=svg.BAND, alpha=0.4, lw=0, zorder=0.5)
    sheet.axes.axvline(0, color=svg.OTHER, lw=1, ls=(0, (4, 3)), zorder=1)


def beside(sheet: Canvas, row: int, text: str, *, bold: bool = False, colour: str = svg.INK, aside: float = 0) -> None:
    """Write at the right end of a row, ``aside`` units before it."""
    if not text:
        return
    sheet.axes.annotate(
        text,
        (1, -row),
        (sheet.right - 1 - aside, 0),
        xycoords=sheet.axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="center",
        color=colour,
        fontsize=SMALL,
        fontweight="bold" if bold else "normal",
        annotation_clip=False,
    )
