"""Folders as sources: all files of rows in them, in the order of their names, as if they were one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from leaven.data import beside, files
from leaven.data.formats import BadRow
from leaven.data.separated import legible
from leaven.errors import DataError
from leaven.rows import Row

_SHOWN = 6


def listed(folder: Path) -> list[tuple[str, Path]]:
    """Return relative name and path of every file of rows, sorted by name; hidden ones and other kinds are left out.

    So is what is called like a file of rows and is none: a link to nothing, a pipe (which would be waited for).
    """
    return [(name, path) for name, path in _called_so(folder) if path.is_file()]


def _called_so(folder: Path) -> list[tuple[str, Path]]:
    found = []
    for place, below, inside in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in inside:
            path = Path(place) / name
            if not name.startswith(".") and files.kind(path) is not None:
                found.append((path.relative_to(folder).as_posix(), path))
    return sorted(found)


def problem(folder: Path) -> str | None:
    """Say what is wrong with a folder at first sight; None if nothing is. Reads no rows."""
    found = listed(folder)
    if not found:
        return f"{folder} holds no file of rows{_unusable(folder)}; kinds are {files.SAID}"
    return None if any(path.stat().st_size for _, path in found) else f"all files of {folder} are empty"


def _unusable(folder: Path) -> str:
    names = [legible(name) for name, _ in _called_so(folder)]
    return f" ({', '.join(names[:_SHOWN])}: links to nothing, pipes or devices)" if names else ""


def digest(folder: Path) -> str:
    """Return the sha256 over the names and contents of a folder's files of rows."""
    whole = hashlib.sha256()
    for name, path in listed(folder):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(os.fsencode(name) + f"\0{content}\n".encode())  # a name may be no UTF-8
    return whole.hexdigest()


def read(folder: Path, header: tuple[str, ...] | None = None, txt: files.Txt = "lines") -> Iterator[Row | BadRow]:
    """Yield the rows of all files in order; raises DataError where two files have different columns.

    ``header`` names the columns of files of separated values that have no header of their own. ``txt`` says how .txt is
    read: paragraphs have their file's name (``file``), dialogues what stands in the files beside theirs (``topic``).
    """
    found = listed(folder)
    _refuse_mixed(found, header)
    if txt == "dialogues":
        yield from beside.read(found)
        return
    for name, path in found:
        for row in files.read(path, header, txt):
            if isinstance(row, BadRow):
                yield BadRow(str(row), f"{legible(name)}: {row.raw}")
            else:
                yield {**row, "file": legible(name)} if txt == "paragraphs" and "file" in row else row


def _refuse_mixed(found: list[tuple[str, Path]], header: tuple[str, ...] | None) -> None:
    known: tuple[str, set[str]] | None = None
    for name, path in found:
        here = files.columns(path, header)
        if known is None and here:
            known = (legible(name), here)
        elif known is not None and here and here != known[1]:
            raise DataError(_mixed(known, (legible(name), here)))


def _mixed(one: tuple[str, set[str]], other: tuple[str, set[str]]) -> str:
    only = [(name, sorted(here - there)) for (name, here), (_, there) in ((one, other), (other, one))]
    said = " and ".join(f"{', '.join(extra[:_SHOWN])} only in {name}" for name, extra in only if extra)
    return (
        f"the files {one[0]} and {other[0]} of one folder have different columns: {said}; "
        "name one file, or put files of one layout into a folder of their own"
    )
