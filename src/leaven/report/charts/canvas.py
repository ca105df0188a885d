"""A sheet to draw a chart on: matplotlib's axes placed in units, and what each mark says when pointed at.

No pyplot, no global state, no text that is read as mathematics. A sheet is 360 units wide, the width of a phone, so
that the letters keep their size there; a wider page scales them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from leaven.report import svg
from leaven.report.charts.looks import Look
from leaven.report.charts.scale import SMALL, TEXT, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 360.0
_INCH = 72.0


class Canvas:
    """One axes on a sheet; ``left``, ``right``, ``top`` and ``bottom`` are the margins around it, in units."""

    def __init__(self, height: float, *, left: float, right: float, top: float, bottom: float):
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(WIDTH / _INCH, height / _INCH))
        self.height = height
        self.axes: Axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.tips: dict[str, str] = {}
        self.place(left=left, right=right, top=top, bottom=bottom)
        self.axes.patch.set_visible(False)
        for side in ("top", "right", "left"):
            self.axes.spines[side].set_visible(False)
        self.axes.spines["bottom"].set_color(svg.FAINT)
        self.axes.tick_params(colors=svg.INK, labelsize=TEXT, bottom=False, left=False, pad=6)
        self.axes.set_axisbelow(True)

    def place(self, *, left: float, right: float, top: float, bottom: float) -> None:
        """Set the margins around the axes."""
        self.left, self.right, self.top, self.bottom = left, right, top, bottom
        self.axes.set_position((left / WIDTH, bottom / self.height, self.wide / WIDTH, self.high / self.height))

    @property
    def wide(self) -> float:
        """The axes' width, in units."""
        return WIDTH - self.left - self.right

    @property
    def high(self) -> float:
        """The axes' height, in units."""
        return self.height - self.top - self.bottom

    def ticks_below(self, ticks: Sequence[tuple[float, str]], *, grid: bool = True) -> None:
        """Write the horizontal axis; ``grid`` draws a faint line at each place."""
        self.axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
        if grid:
            self.axes.grid(axis="x", color=svg.FAINT, lw=0.6, alpha=0.5)

    def ticks_beside(self, ticks: Sequence[tuple[float, str]]) -> None:
        """Write the vertical axis, with a faint line at each place, and make room for its words."""
        self.axes.set_yticks([place for place, _ in ticks], [text for _, text in ticks])
        self.axes.grid(axis="y", color=svg.FAINT, lw=0.6, alpha=0.5)
        left = 10 + max((width(text, TEXT) for _, text in ticks), default=0.0)
        self.place(left=max(left, 26.0), right=self.right, top=self.top, bottom=self.bottom)

    def name_below(self, text: str) -> None:
        """Name the horizontal axis, at its middle."""
        self.axes.set_xlabel(text, color=svg.INK, fontsize=TEXT, labelpad=7)

    def name_above(self, text: str) -> None:
        """Name what is measured, above the axes from the sheet's left edge: no head needs to be turned."""
        self.figure.text(0.0, 1 - 11 / self.height, text, color=svg.OTHER, fontsize=SMALL)

    def row_above(self, row: int, text: str, look: Look | None) -> None:
        """Write a line under the name above the axes, with a mark before it where it has a look; row 0 is first."""
        y = 1 - (27 + 14 * row) / self.height
        if look is not None:
            self._mark_above(y, look)
        self.figure.text(14 / WIDTH, y, text, color=svg.INK, fontsize=SMALL, va="center_baseline")

    def _mark_above(self, y: float, look: Look) -> None:
        from matplotlib.lines import Line2D

        face = svg.fill(look.colour, look.fill)
        shared: dict[str, Any] = {"mfc": face, "mec": look.colour, "mew": 1.4, "ls": "none"}
        self.figure.add_artist(Line2D([5 / WIDTH], [y], marker=look.shape, ms=7, **shared))

    def mark(self, artist: Any, tip: str) -> None:
        """Let an artist say something when it is pointed at."""
        if tip:
            name = f"mark{len(self.tips)}"
            self.tips[name] = tip
            artist.set_gid(name)

    def add(self, xs: Sequence[float], ys: Sequence[float], tip: str = "", **look: Any) -> None:
        """Draw a line or its markers; ``look`` is matplotlib's."""
        from matplotlib.lines import Line2D

        made = Line2D(xs, ys, **look)
        self.axes.add_artist(made)  # plot() would look for new limits each time, which are set here
        self.mark(made, tip)

    def point(self, x: float, y: float, look: Look, tip: str = "", *, size: float = 7.0, over: float = 5) -> None:
        """Draw an arm's mark."""
        shared: dict[str, Any] = {"marker": look.shape, "ms": size, "ls": "none", "clip_on": False, "zorder": over}
        if 0 < look.fill < 1:
            # Paper under a fill that lets things shine through: a bar behind it would be seen.
            self.add([x], [y], tip, mfc=svg.PAPER, mec=svg.PAPER, mew=0, **shared)
        self.add([x], [y], tip, mfc=svg.fill(look.colour, look.fill), mec=look.colour, mew=1.4, **shared)

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, tip: str = "", **look: Any) -> None:
        """Draw a line through places."""
        self.add(xs, ys, tip, color=colour, **{"solid_capstyle": "butt", "zorder": 3, **look})

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write at a place of the axes; ``halo`` keeps it clear of what lies under it, ``dx``/``dy`` shift it."""
        shift = (look.pop("dx", 0.0), look.pop("dy", 0.0))
        gid = svg.HALO if look.pop("halo", False) else None
        told = {"color": svg.INK, "fontsize": SMALL, "va": "center", "annotation_clip": False, "zorder": 8, **look}
        self.axes.annotate(text, (x, y), shift, textcoords="offset points", gid=gid, **told)

    def svg(self, name: str, title: str, description: str) -> str:
        """Return the sheet as an ``<svg>`` element."""
        return svg.inline(self.figure, name, title, description, self.tips)


@contextmanager
def canvas(
    height: float, *, left: float = 46, right: float = 8, top: float = 8, bottom: float = 44
) -> Iterator[Canvas]:
    """Open a sheet of this height, in units; draw on it and write it before the context ends."""
    with svg.drawing():
        yield Canvas(height, left=left, right=right, top=top, bottom=bottom)
