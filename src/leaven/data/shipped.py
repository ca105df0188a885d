"""Data that ship with Leaven, as sources: ``builtin:NAME``. A file's identity is the hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from leaven.data import files
from leaven.data.formats import BadRow
from leaven.errors import did_you_mean
from leaven.rows import Row

PREFIX = "builtin:"
_FILES = {"hello": "hello/prompts.jsonl"}
NAMES = tuple(_FILES)


def problem(source: str) -> str | None:
    """Say that nothing of this name ships with Leaven, and what does; None if it does."""
    name = source.removeprefix(PREFIX)
    return None if name in _FILES else f"no data called '{name}' ship with Leaven; {did_you_mean(name, NAMES)}"


def identity(source: str) -> str:
    """Return a source's name and the sha256 of its file."""
    return f"{source}@{hashlib.sha256(_path(source).read_bytes()).hexdigest()}"


def read(source: str) -> Iterator[Row | BadRow]:
    """Yield the rows of a source."""
    return files.read(_path(source))


def _path(source: str) -> Path:
    return Path(str(resources.files("leaven.data"))) / _FILES[source.removeprefix(PREFIX)]
