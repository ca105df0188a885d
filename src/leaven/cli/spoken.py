"""Answers as a terminal shows them while they are made: what a model says must not drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from leaven.cli.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BLANK = "(a blank answer)"


class Hearing(Protocol):
    """Whoever hears an answer."""

    def say(self, piece: str) -> None:
        """Take what comes next."""

    def end(self) -> None:
        """Know that it is whole."""

    def fail(self) -> None:
        """Know that it will not be."""


class Voice:
    """Prints one answer piece by piece, each of its lines behind a label; on a terminal a blank one says so."""

    def __init__(self, out: Console, label: str = ""):
        self._out = out
        self._label = label
        self._begun = False
        self._at_start = True

    def say(self, piece: str) -> None:
        """Print what comes next."""
        shown = []
        for number, part in enumerate(piece.split("\n")):
            shown.append("\n" if number else "")
            self._at_start = self._at_start or bool(number)
            if part:
                shown.append(f"{self._label if self._at_start else ''}{printable(part)}")
                self._at_start = False
        self._begun = True
        self._out.out("".join(shown), end="", highlight=False)

    def end(self) -> None:
        """End the answer's last line."""
        if not self._begun:
            self._out.out(f"{self._label}{BLANK if self._out.is_terminal else ''}".rstrip(), end="", highlight=False)
        self._out.out("", highlight=False)
        self._begun, self._at_start = False, True

    def fail(self) -> None:
        """End what was begun, if anything was."""
        if self._begun:
            self.end()


class Column:
    """Keeps one answer of several that are shown side by side, and has all of them drawn anew with each piece."""

    def __init__(self, draw: Callable[[], None]):
        self.text = ""
        self._draw = draw

    def say(self, piece: str) -> None:
        """Take what comes next."""
        self.text += piece
        self._draw()

    def end(self) -> None:
        """Say so where nothing came."""
        self.text = self.text or BLANK
        self._draw()

    def fail(self) -> None:
        """Say so."""
        self.text += "(failed)"
        self._draw()


@contextmanager
def beside(names: Sequence[str], out: Console) -> Iterator[list[Column]]:
    """Show answers side by side on a terminal while they are made, and whole when all are there."""
    from rich.live import Live

    columns: list[Column] = []

    def table() -> Table:
        return _table(names, [one.text for one in columns])

    with Live(console=out, transient=True, auto_refresh=False) as live:
        columns.extend(Column(lambda: live.update(table(), refresh=True)) for _ in names)
        yield columns
    out.print(table())


def _table(names: Sequence[str], texts: Sequence[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, expand=True, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        made.add_column(Text(printable(name)), ratio=1, overflow="fold")
    made.add_row(*(Text("\n".join(printable(part) for part in text.split("\n"))) for text in texts))
    return made
