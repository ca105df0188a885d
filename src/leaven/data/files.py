"""Files of rows, read by kind: json, jsonl, csv, tsv, txt and parquet, each also packed as .gz or .zst.

Readers yield one row at a time; a .txt file holds a text a line, or prose (``data.paragraphs``). What cannot be parsed
comes out as a ``BadRow`` in its place, with an excerpt of the line, so that nothing is lost without a count; blank
lines are no rows.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from leaven.data import paragraphs, separated
from leaven.data.formats import BadRow
from leaven.data.separated import legible
from leaven.errors import DataError
from leaven.rows import Row

_PACKED = {".gz": "gzip", ".zst": "zstd"}
_PLAIN = (".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet")
KINDS = tuple(f"{plain}{packed}" for plain in _PLAIN for packed in ("", *_PACKED))
SAID = f"{', '.join(_PLAIN)} (each also .gz or .zst)"
_HEAD = 20  # rows of which columns are told
_EXCERPT = 400
_BUFFER = 1 << 20
Header = tuple[str, ...] | None
# How .txt is read: a row a line, a row a paragraph, or a row a dialogue with what stands in the file beside it.
Txt = Literal["lines", "paragraphs", "dialogues"]


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


def read(path: Path, header: Header = None, txt: Txt = "lines") -> Iterator[Row | BadRow]:
    """Yield every row of a file in order; raises DataError where it cannot be read to its end.

    ``header`` names the columns of separated values that have no header of their own; other kinds name theirs. ``txt``
    says how .txt is read; a dialogue alone is a line.
    """
    found = kind(path)
    assert found is not None, f"{path} is of no known kind"
    try:
        with _opened(path) as stream:
            if found in _SEPARATED:
                yield from _SEPARATED[found](stream, header)
            elif found == ".txt" and txt == "paragraphs":
                yield from paragraphs.paragraphs(stream)
            else:
                yield from _READERS[found](stream)
    except (OSError, ValueError) as error:  # pyarrow's and csv's errors are one of these two
        raise DataError(f"{legible(path.name)}: {_said(error)}") from error


def _said(error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if "Truncated compressed stream" in reason:
        return "ends early: the packed file was cut off, so rows are missing; fetch or write it again"
    return f"cannot be read to its end: {reason}"


def columns(path: Path, header: Header = None) -> set[str]:
    """Return the columns of a file's first rows, which is enough to tell two layouts apart."""
    import itertools

    head = itertools.islice(read(path, header), _HEAD)
    return {str(name) for row in head if isinstance(row, dict) for name in row}


def is_prose(path: Path) -> bool:
    """Say whether a file is a .txt whose first lines look like paragraphs; false where it cannot be read."""
    if kind(path) != ".txt":
        return False
    try:
        with _opened(path) as stream:
            return paragraphs.is_prose(stream)
    except (OSError, ValueError):
        return False  # what is wrong with it is said where it is read


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
    inside = value if isinstance(value, dict) else {}
    lists = [inner for inner in inside.values() if _all(inner, list, dict)]
    if len(lists) == 1:
        return list(lists[0])
    if not lists and (table := _by_column(inside) or _by_group(inside)):
        return table
    seen = f"an object with {len(lists)} lists of objects" if isinstance(value, dict) else type(value).__name__
    raise ValueError(f"it holds {seen}; a list of objects is read, or an object that holds exactly one")


def _all(value: Any, kind: type, of: type) -> bool:
    """Say whether a value is a list or an object (by ``kind``) that is not empty and holds one type alone."""
    held = value.values() if kind is dict and isinstance(value, dict) else value
    return isinstance(value, kind) and bool(value) and all(isinstance(one, of) for one in held)


def _by_column(value: dict[str, Any]) -> list[Row]:
    """Return the rows of ``{column: [text, ...]}``, all columns of one length; an empty list is no column."""
    columns = {name: inner for name, inner in value.items() if inner != []}
    lengths = {len(inner) if _all(inner, list, str) else None for inner in columns.values()}
    if len(lengths) != 1 or None in lengths:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _by_group(value: dict[str, Any]) -> list[Row]:
    """Return the rows of ``{group: {entity: [prompt, ...]}}``, in which BOLD's files come: a row for each prompt."""
    if not _all(value, dict, dict):
        return []
    found = [(group, entity, inner) for group, below in value.items() for entity, inner in below.items()]
    if not all(inner == [] or _all(inner, list, str) for *_, inner in found):
        return []
    return [{"group": group, "entity": entity, "prompt": prompt} for group, entity, inner in found for prompt in inner]


def _csv(stream: IO[bytes], header: Header) -> Iterator[Row | BadRow]:
    return separated.rows(stream, ",", header)


def _tsv(stream: IO[bytes], header: Header) -> Iterator[Row | BadRow]:
    return separated.rows(stream, "\t", header)


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
    ".json": _json, ".jsonl": _jsonl, ".txt": _txt, ".parquet": _parquet,
}  # fmt: skip
_SEPARATED = {".csv": _csv, ".tsv": _tsv}
