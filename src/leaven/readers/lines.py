"""Lines of JSON, strictly: every line is an object, and what is wrong is said with its line number."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from leaven.errors import ReportError


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file's bytes, unpacked where they are packed with gzip; raises ReportError if it cannot be read."""
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            yield cast(IO[bytes], gzip.GzipFile(fileobj=plain)) if is_packed else plain
    except (OSError, EOFError, zlib.error) as error:
        raise ReportError(f"{path} cannot be read to its end: {error}") from error


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of every line that is not blank; raises ReportError."""
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, parsed(line, f"{path}, line {number}")


def whole(path: Path) -> dict[str, Any]:
    """Return the one JSON object that a file holds; raises ReportError."""
    with opened(path) as stream:
        return parsed(stream.read(), str(path))


def parsed(text: bytes, place: str) -> dict[str, Any]:
    """Return a JSON object; raises ReportError that names the place."""
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ReportError(f"{place}: is not UTF-8 text") from error
    except RecursionError as error:
        raise ReportError(f"{place}: is nested too deeply") from error
    except ValueError as error:
        raise ReportError(f"{place}: is no JSON ({error}); was the file cut off? Fetch or write it again") from error
    if not isinstance(value, dict):
        raise ReportError(f"{place}: is a JSON {type(value).__name__}, where an object is wanted")
    return value
