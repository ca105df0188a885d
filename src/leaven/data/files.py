"""Files of rows, read by kind: json, jsonl, csv, tsv, txt and parquet, each also packed as .gz or .zst.

Readers yield one row at a time. What cannot be parsed comes out as a ``BadRow`` in its place, with an excerpt of the
line, so that nothing is lost without a count; blank lines are no rows.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from leaven.data.formats import BadRow
from leaven.errors import DataError
from leaven.rows import Row

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_PLAIN = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet")
KINDS = tuple(f"{plain}{packed}" for plain in _PLAIN for packed in ("", *_PACKED))
SAID = f"{', '.join(_PLAIN)} (each also .gz or .zst)"
_HEAD = 20  # rows of which columns are told
_EXCERPT = 400
_BUFFER = 1 << 20
_MOST_LINES = 1000  # that one broken row of CSV may take: more are rows behind a quote that is not closed
_MOST_CHARACTERS = 1 << 26  # in all lines of one row of CSV: behind an open quote the rest of the file is not kept


def kind(path: Path) -> str | None:
    """Return how a file is read (``.jsonl``), whatever packs it; None if it is of no kind that can be read."""
    name = path.name.lower()
    found = next((one for one in KINDS if name.endswith(one)), None)
    return found and f".{found.split('.')[1]}"


def problem(path: Path) -> str | None:
    """Say what is wrong with a file at first sight; None if nothing is. Reads no rows."""
    if kind(path) is None:
        return f"{path.name} is of no kind that can be read; kinds are {SAID}"
    return f"{path} is empty" if path.stat().st_size == 0 else None


def read(path: Path) -> Iterator[Row | BadRow]:
    """Yield every row of a file in order; raises DataError where it cannot be read to its end."""
    found = kind(path)
    assert found is not None, f"{path} is of no known kind"
    try:
        with _opened(path) as stream:
            yield from _READERS[found](stream)
    except (OSError, ValueError) as error:  # pyarrow's and csv's errors are one of these two
        raise DataError(f"{legible(path.name)}: {_said(error)}") from error


def _said(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if "Truncated compressed stream" in reason:
        return "ends early: the packed file was cut off, so rows are missing; fetch or write it again"
    return f"cannot be read to its end: {reason}"


def columns(path: Path) -> set[str]:
    """Return the columns of a file's first rows, which is enough to tell two layouts apart."""
    import itertools

    head = itertools.islice(read(path), _HEAD)
    return {str(name) for row in head if isinstance(row, dict) for name in row}


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file's bytes, unpacked; several members or frames behind one another are one file."""
    packing = _PACKED.get(path.suffix.lower())
    if packing is None:
        with path.open("rb", buffering=_BUFFER) as plain:
            yield plain
        return
    import pyarrow as pa

    with pa.OSFile(str(path)) as plain, pa.CompressedInputStream(plain, packing) as unpacked:
        yield io.BufferedReader(unpacked, _BUFFER)


def _lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines that are not blank; the mark that some editors put in front of UTF-8 is no part of the first."""
    for number, line in enumerate(stream):
        told = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if told.strip():
            yield told


def _jsonl(stream: Iterable[bytes]) -> Iterator[Row | BadRow]:
    return map(_json_row, _lines(stream))


def _json_row(line: bytes) -> Row | BadRow:
    try:
        value: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return BadRow("the line is not UTF-8", _raw(line))
    except (ValueError, RecursionError):
        return BadRow("the line is no JSON", _raw(line))
    return _object(value)


def _object(value: Any) -> Row | BadRow:
    if isinstance(value, dict):
        return value
    return BadRow(f"the row is a JSON {type(value).__name__}, not an object", repr(value)[:_EXCERPT])


def _raw(line: bytes) -> str:
    return line[:_EXCERPT].decode("utf-8", "backslashreplace").strip()


def _json(stream: IO[bytes]) -> Iterator[Row | BadRow]:
    """Read a list of objects, an object that holds exactly one such list, or (as many name so) lines of objects."""
    data = stream.read()
    if not data.strip():
        return
    try:
        value = json.loads(data.decode("utf-8-sig", "surrogateescape"))
    except RecursionError:
        raise DataError("the JSON is nested too deeply to be rows") from None
    except ValueError as error:
        if not _is_lines(data):
            raise ValueError(f"it is no JSON: {error}") from None
        yield from _jsonl(io.BytesIO(data))
        return
    sound = _decodes(data)
    for row in _listed(value):
        yield _object(row) if sound or _is_text(row) else BadRow("the row is not UTF-8", _quoted(row))


def _is_lines(data: bytes) -> bool:
    first = next(_lines(io.BytesIO(data)), b"")
    return isinstance(_json_row(first), dict)


def _decodes(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_text(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _quoted(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False)[:_EXCERPT].encode("utf-8", "backslashreplace").decode()


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    lists = {
        name: inner
        for name, inner in (value.items() if isinstance(value, dict) else ())
        if isinstance(inner, list) and inner and all(isinstance(row, dict) for row in inner)
    }
    if len(lists) != 1:
        seen = f"an object with {len(lists)} lists of objects" if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"it holds {seen}; a list of objects is read, or an object that holds exactly one")
    return next(iter(lists.values()))


def _csv(stream: IO[bytes]) -> Iterator[Row | BadRow]:
    return _separated(stream, ",")


def _tsv(stream: IO[bytes]) -> Iterator[Row | BadRow]:
    return _separated(stream, "\t")


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


def _separated(stream: IO[bytes], delimiter: str) -> Iterator[Row | BadRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be long; the default stops at 131,072 characters
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _Remembering(iter(text))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        lines.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:  # inside a quote: whatever `bad_rows` says, no single row is to be blamed for the rest
                raise ValueError(lines.unclosed()) from None
            if header is None:
                raise ValueError(f"its header cannot be read: {error}") from None
            yield _broken(f"the line breaks the rules of CSV: {error}", lines)
            continue
        if header is None and fields:
            header = _header(fields)
        elif fields:  # a blank line has none
            assert header is not None
            yield _fields(header, fields, lines)


def _header(fields: list[str]) -> list[str]:
    twice = sorted({name for name in fields if fields.count(name) > 1})
    if twice:
        raise ValueError(f"the header names {', '.join(map(repr, twice))} twice")
    if not _is_text(fields):
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
    if any("\udc80" <= character <= "\udcff" for field in fields if not field.isascii() for character in field):
        return BadRow("the line is not UTF-8", legible(lines.first))
    return dict(zip(header, fields, strict=True))


def legible(line: str) -> str:
    """Return a line or a file's name with the bytes written out that are no UTF-8."""
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _txt(stream: Iterable[bytes]) -> Iterator[Row | BadRow]:
    for line in _lines(stream):
        try:
            yield {"text": line.decode("utf-8").rstrip("\r\n")}
        except UnicodeDecodeError:
            yield BadRow("the line is not UTF-8", _raw(line))


def _parquet(stream: IO[bytes]) -> Iterator[Row | BadRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    seekable = stream if stream.seekable() else pa.BufferReader(stream.read())
    try:
        for batch in pq.ParquetFile(seekable).iter_batches(batch_size=1024):
            yield from _batch(batch)
    except pa.ArrowException as error:
        raise ValueError(f"it is no Parquet file that can be read: {str(error).splitlines()[0]}") from error


def _batch(batch: Any) -> Iterator[Row | BadRow]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        rows = _one_by_one(batch)  # one row of them is no text: which?
    yield from rows


def _one_by_one(batch: Any) -> Iterator[Row | BadRow]:
    for index in range(batch.num_rows):
        try:
            yield batch.slice(index, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            yield BadRow("the row is not UTF-8", _raw(error.object))


_READERS: dict[str, Callable[[IO[bytes]], Iterator[Row | BadRow]]] = {
    ".json": _json, ".jsonl": _jsonl, ".csv": _csv, ".tsv": _tsv, ".txt": _txt, ".parquet": _parquet,
}  # fmt: skip
