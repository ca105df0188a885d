"""Which format a source is in, told from its first rows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leaven.data import sources
from leaven.data.canonical import Slice, fitting, is_of_files, raw_rows
from leaven.data.formats import BadRow, Skipped
from leaven.errors import DataError
from leaven.registry import FORMATS, Step
from leaven.rows import Row

_HEAD = 50
_PROSE = "prose"  # the format of text files whose texts are paragraphs, not lines


@dataclass(frozen=True)
class Recognised:
    """What the first rows say: the format that reads them (None: none does), all that fit, columns and types."""

    format: str | None
    fits: list[str]
    columns: dict[str, str]


def recognised(source: str, known_as: str, format: Step | None, part: Slice) -> Recognised:
    """Look at the first rows of a source, which are read in ``format`` if one is named; raises DataError.

    The format's name and arguments are taken to be right: whoever declared it has checked them.
    """
    named = format.name if format else None
    head, bare = _heads(source, known_as, part, named)
    columns = {str(name): _type(value) for row in reversed(head) for name, value in row.items()}
    fits = [bare] if bare and bare != _PROSE else fitting(head[0]) if head else []
    strict = sorted(fits, key=_leniency)
    chosen = named or next((name for name in strict if _reads(name, head)), None)
    return Recognised(chosen, fits, columns)


def _leniency(name: str) -> tuple[bool, bool]:
    """Sort first what reads rows of its own wording alone, then kinds of files: what is none they do not read."""
    return not FORMATS.get(name).traits.get("worded", False), not is_of_files(name)


def _heads(source: str, known_as: str, part: Slice, format: str | None) -> tuple[list[Row], str | None]:
    """Return the first rows; of a file without a header, or of prose, also the format that reads it."""
    if format is None and sources.is_prose(source):
        return _head(source, known_as, part, _PROSE), _PROSE
    headers = {name: FORMATS.get(name).traits.get("header") for name in FORMATS.names()}
    try:
        head = _head(source, known_as, part, format)
        refused = None
    except DataError as error:
        head, refused = [], error
    if format is None and sources.is_local(source) and not (head and fitting(head[0])):
        for name, header in headers.items():
            if header is not None and (found := _head_as(source, known_as, part, name)):
                return found, name
    if refused is not None:
        raise refused
    return head, None


def _head(source: str, known_as: str, part: Slice, format: str | None) -> list[Row]:
    raw = raw_rows(source, known_as, FORMATS.get(format)) if format else sources.read(source, known_as)
    rows = itertools.islice(part.head(raw), _HEAD)
    return [row for _, row in rows if isinstance(row, dict)]


def _head_as(source: str, known_as: str, part: Slice, name: str) -> list[Row]:
    """Return the first rows in a format that brings its own header; none if they are not in it."""
    try:
        head = _head(source, known_as, part, name)
    except DataError:
        return []  # what is wrong with the file is said where it is read as it is
    return head if head and name in fitting(head[0]) and _reads(name, head) else []


def _reads(name: str, head: Sequence[Row]) -> bool:
    """Say whether a format reads any of the first rows (what it skips by choice, it has read)."""
    plugin = FORMATS.get(name)
    for row in head:
        try:
            plugin.call(row, args={})
        except Skipped:
            return True
        except (BadRow, KeyError):
            continue
        return True
    return False


def _type(value: Any) -> str:
    names = {str: "text", dict: "object", list: "list", type(None): "null", bool: "truth", int: "number"}
    return names.get(type(value), "number" if isinstance(value, float) else type(value).__name__)
