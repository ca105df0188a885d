"""Rows of separated values (CSV, TSV), one by one: what breaks the rules costs its row, and is quoted.

A quote that is never closed swallows the rows behind it: that is the file's error, and no row's.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from typing import IO

from leaven.data.formats import BadRow
from leaven.rows import Row

_EXCERPT = 400
_MOST_LINES = 1000  # that one broken row may take: more are rows behind a quote that is not closed
_MOST_CHARACTERS = 1 << 26  # in all lines of one row: behind an open quote the rest of the file is not kept


class _Remembering:
    """Lines of text; of those that one row of CSV takes: the first, how many more, and where in the file they begin."""

    def __init__(self, lines: Iterator[str]):
        self.lines, self.taken, self.ended = lines, 0, False
        self.begin()

    def begin(self) -> None:
        """Begin a row."""
        self.first, self.start, self.characters = "", self.taken + 1, 0

    @property
    def more(self) -> int:
        """Lines of the row behind its first."""
        return self.taken - self.start

    def unclosed(self) -> str:
        """Say that the row's quote is closed nowhere, and what it swallows."""
        return (
            f"an unclosed quote in the row that begins on line {self.start}: {_lines_more(self.more)} in it; close the "
            'quote there, or double it ("") where it belongs to the text'
        )

    def __iter__(self) -> _Remembering:
        return self

    def __next__(self) -> str:
        if self.characters > _MOST_CHARACTERS:
            raise ValueError(self.unclosed())
        line = next(self.lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.first = self.first or line[:_EXCERPT].strip()
        self.taken, self.characters = self.taken + 1, self.characters + len(line)
        return line


def _lines_more(count: int) -> str:
    return "1 more line follows" if count == 1 else f"{count} more lines follow"


def rows(stream: IO[bytes], delimiter: str, header: tuple[str, ...] | None = None) -> Iterator[Row | BadRow]:
    """Yield the rows of separated values; with a ``header`` there is none in the file. Raises ValueError."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be long; the default stops at 131,072 characters
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _Remembering(iter(text))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names = None if header is None else list(header)
    while True:
        lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:  # inside a quote: whatever `bad_rows` says, no single row is to be blamed for the rest
                raise ValueError(lines.unclosed()) from None
            if names is None:
                raise ValueError(f"its header cannot be read: {error}") from None
            yield _broken(f"the line breaks the rules of CSV: {error}", lines)
            continue
        if names is None and fields:
            names = _header(fields)
        elif fields:  # a blank line has none
            assert names is not None
            yield _fields(names, fields, lines)


def _header(fields: list[str]) -> list[str]:
    twice = sorted({name for name in fields if fields.count(name) > 1})
    if twice:
        raise ValueError(f"the header names {', '.join(map(repr, twice))} twice")
    if any(not _is_text(name) for name in fields):
        raise ValueError("the header is not UTF-8")
    return fields


def _broken(reason: str, lines: _Remembering) -> BadRow:
    """Return a bad row that says how many lines it takes; many are the file's error, and no row's."""
    if lines.more > _MOST_LINES:
        raise ValueError(lines.unclosed())
    tail = f"; an unclosed quote? {_lines_more(lines.more)} in it" if lines.more > 0 else ""
    return BadRow(f"{reason}{tail}", legible(lines.first))


def _fields(header: list[str], fields: list[str], lines: _Remembering) -> Row | BadRow:
    if len(fields) != len(header):
        than = "more" if len(fields) > len(header) else "fewer"
        return _broken(f"the line has {than} fields than the header", lines)
    if not all(map(_is_text, fields)):
        return BadRow("the line is not UTF-8", legible(lines.first))
    return dict(zip(header, fields, strict=True))


def _is_text(field: str) -> bool:
    return field.isascii() or not any("\udc80" <= character <= "\udcff" for character in field)


def legible(line: str) -> str:
    """Return a line or a file's name with the bytes written out that are no UTF-8."""
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
