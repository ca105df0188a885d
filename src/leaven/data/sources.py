"""Sources: where raw rows come from, what identifies them, and their index in the source.

A source is ``pocket:NAME`` or a local file: jsonl, csv (both also .gz) or parquet. A local file is known by the hash
of its content, never by its path or time, so that an edited file is another source. Rows are read one by one; what
cannot be parsed comes out as a ``BadRow`` in its place, so that nothing is lost without a count.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from leaven.data.formats import BadRow
from leaven.errors import DataError, did_you_mean
from leaven.rows import Row

KINDS = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")
_POCKET = "pocket:"


def is_local(source: str) -> bool:
    """Say whether a source is a file on this machine."""
    return ":" not in source.partition("/")[0]


def problem(source: str) -> str | None:
    """Say what is wrong with a source at first sight, with the remedy; None if nothing is. Reads no rows."""
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import NAMES

        name = source.removeprefix(_POCKET)
        return None if name in NAMES else f"the pocket has no corpus '{name}'; {did_you_mean(name, NAMES)}"
    if not is_local(source):
        scheme = source.partition(":")[0]
        return f"sources of kind '{scheme}:' cannot be read; download the rows and name the local file"
    return _file_problem(Path(source))


def _file_problem(path: Path) -> str | None:
    if not path.exists():
        near = [str(other) for other in path.parent.iterdir()] if path.parent.is_dir() else []
        remedy = did_you_mean(str(path), near) if near else f"there is no folder {path.parent} either"
        tried = f"there is no file {path.absolute()}"
        return f"{tried}; {remedy if remedy.startswith(('did', 'there')) else 'paths start from the current folder'}"
    if path.is_dir():
        return f"{path} is a folder; name one file of kind {', '.join(KINDS)}"
    if not path.name.endswith(KINDS):
        return f"{path.name} is of no kind that can be read; kinds are {', '.join(KINDS)}"
    return f"{path} is empty" if path.stat().st_size == 0 else None


def identity(source: str) -> str:
    """Return what a source is: the pocket's version and corpus, or the sha256 of a file's bytes."""
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import VERSION

        return f"{source}@{VERSION}"
    with Path(source).open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def short_name(identity: str) -> str:
    """Return the part of row ids that names the source, the same wherever the file lies."""
    if identity.startswith(_POCKET):
        return identity.removeprefix(_POCKET).split("@")[0]
    return identity.removeprefix("sha256:")[:8]


def read(source: str) -> Iterator[Row | BadRow]:
    """Yield every raw row in order, a ``BadRow`` where one cannot be parsed; raises DataError if nothing can."""
    if source.startswith(_POCKET):
        from leaven.pocket.corpora import corpus

        yield from corpus(source.removeprefix(_POCKET))
        return
    path = Path(source)
    reader = _parquet if path.name.endswith(".parquet") else _csv if ".csv" in path.suffixes[-2:] else _jsonl
    try:
        yield from reader(path)
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        raise DataError(f"{path.name}: cannot be read to its end: {error or type(error).__name__}") from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        yield stream  # type: ignore[misc]


def _jsonl(path: Path) -> Iterator[Row | BadRow]:
    with _open(path) as stream:
        for line in stream:
            if line.strip():
                yield _json_row(line)


def _json_row(line: bytes) -> Row | BadRow:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return BadRow("the line is no JSON")
    return value if isinstance(value, dict) else BadRow(f"the line is a JSON {type(value).__name__}, not an object")


def _csv(path: Path) -> Iterator[Row | BadRow]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers may be long; the default stops at 131,072 characters
    with _open(path) as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")):
            yield BadRow("the line has more fields than the header") if None in row else row


def _parquet(path: Path) -> Iterator[Row | BadRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise DataError(f"{path.name}: is no Parquet file that can be read: {str(error).splitlines()[0]}") from error
