"""What a person sees: lines that strangers cannot abuse, numbers that can be read, errors without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from leaven.errors import LeavenError, StudyError

if TYPE_CHECKING:
    from rich.console import Console


def console() -> Console:
    """Return where lines are printed: no markup, no colours by guess, lines as long as they are."""
    from rich.console import Console

    return Console(emoji=False, highlight=False, markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """Keep what strangers wrote from driving the terminal."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in spaced)


def complain(error: LeavenError) -> None:
    """Print what is wrong, a problem a line."""
    lines = [str(problem) for problem in error.problems] if isinstance(error, StudyError) else [str(error)]
    for line in lines:
        print(f"error: {printable(line)}", file=sys.stderr)  # noqa: T201


def count(number: int, what: str) -> str:
    """Return ``1 stage`` or ``2 stages``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time as people say it: ``0.4 s``, ``47 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02} min"


def size(count_of_bytes: float) -> str:
    """Return a size in the unit that fits: ``812 B``, ``1.4 MB``, ``13.2 GB``."""
    return " ".join(_scaled(count_of_bytes, ("B", "kB", "MB", "GB", "TB")))


def memory(mebibytes: float) -> str:
    """Return an amount of memory: ``107 MiB``, ``7.8 GiB``."""
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:,.1f} GiB"


def amount(number: float) -> str:
    """Return a count that need not be exact: ``682``, ``15.2k``, ``3.1M``."""
    return "".join(_scaled(number, ("", "k", "M", "G", "T")))


def _scaled(number: float, units: Sequence[str]) -> tuple[str, str]:
    """Return a number in thousands of thousands, with two or three digits, and the unit that this makes it."""
    power = 0
    while number >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    return f"{number:.1f}" if power and number < 99.5 else f"{number:,.0f}", units[power]


def columns(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Return rows as aligned lines, the columns in ``right`` set to the right."""
    flush = set(right)
    widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in flush else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
