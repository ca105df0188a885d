"""Which character sets a table's columns apart, where it is not the one that the file's ending promises."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from leaven.data import files
from leaven.data.formats import BadRow
from leaven.errors import ReportError
from leaven.readers.lines import opened
from leaven.rows import Row

_OWN = {".csv": ",", ".tsv": "\t"}
_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars (|)", " ": "spaces"}
_READ = (",", "\t", ";")
_HEAD = 1 << 16  # characters in which a header must end


def read(path: Path, needed: str) -> Iterator[Row | BadRow]:
    """Yield a table's rows; a CSV or TSV whose header has the column ``needed`` by another separator is read by that.

    Raises ReportError where the separator is seen and cannot be used, or the file cannot be read to its end.
    """
    other = _other(path, needed)
    return files.read(path) if other is None else _rows(path, other)


def _other(path: Path, needed: str) -> str | None:
    """Return the separator to read a table by, None for its own; raises ReportError for one that is no separator."""
    own = _OWN.get(files.kind(path) or "")
    if own is None or path.suffix.lower() == ".zst":  # Parquet has none; what zstd packs is taken at its word
        return None
    header = _header(path)
    if needed in _split(header, own):
        return None
    fitting = [one for one in _READ if one != own and needed in _split(header, one)]
    if len(fitting) == 1:
        return fitting[0]
    seen = [one for one in _NAMES if one != own and one in header.strip()]
    if own not in header and seen:
        raise ReportError(
            f"{path}: its columns are set apart by {' or '.join(map(_NAMES.__getitem__, seen))}, not by {_NAMES[own]}, "
            f"and none is found that is called `{needed}`; write it with {_NAMES[own]}"
        )
    return None


def _header(path: Path) -> str:
    """Return the first line that is not blank."""
    with opened(path) as stream:
        text = stream.read(_HEAD).decode("utf-8-sig", "replace")
    return next((line for line in text.splitlines() if line.strip()), "")


def _split(header: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return []


def _rows(path: Path, separator: str) -> Iterator[Row | BadRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be long
    with opened(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        try:
            lines = (fields for fields in csv.reader(text, delimiter=separator, strict=True) if fields)
            header = next(lines)
            if len(set(header)) < len(header):
                raise ReportError(f"{path}: its header names a column twice")
            for fields in lines:
                fits = len(fields) == len(header)
                shown = separator.join(fields)
                yield dict(zip(header, fields, strict=True)) if fits else BadRow(_misfit(fields, header), shown)
        except UnicodeDecodeError as error:
            raise ReportError(f"{path} is not UTF-8 text; write it as UTF-8") from error
        except csv.Error as error:
            raise ReportError(f"{path}, read with {_NAMES[separator]} between its columns: {error}") from error


def _misfit(fields: list[str], header: list[str]) -> str:
    return f"the line has {'more' if len(fields) > len(header) else 'fewer'} fields than the header"
