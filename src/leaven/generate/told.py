"""Generations on their way: kept line by line, so that a run that was stopped asks only for what is missing.

In float32 a text is a function of model, item, sample and seed alone, so the rows of two attempts make one whole. In
bfloat16 it may depend on the batch as well, as it does without a stop; the record keeps the attempts' circumstances.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_DIGEST = 16  # hex digits before each line's text: a torn or edited line is asked for again


class Told:
    """The generations that earlier attempts made, and a place to add to; keyed by (prompt_id, sample)."""

    def __init__(self, file: Path):
        self._file = file
        self.rows = {(row["prompt_id"], row["sample"]): row for row in kept(file)}

    def add(self, row: dict[str, Any]) -> None:
        """Keep one more generation."""
        self.rows[row["prompt_id"], row["sample"]] = row
        keep(self._file, row)


def keep(file: Path, row: Mapping[str, Any]) -> None:
    """Append a row to a file of lines, which is made with its folder if need be; the line outlives this process."""
    text = json.dumps(row).encode()
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
    with file.open("ab") as stream:
        stream.write(_digest(text) + b" " + text + b"\n")


def kept(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows whose line is as it was written; mend a torn end, so that the next line begins a line."""
    if not file.exists():
        return
    text = file.read_bytes()
    if text and not text.endswith(b"\n"):
        with file.open("ab") as stream:
            stream.write(b"\n")
    for line in text.split(b"\n"):
        digest, _, row = line.partition(b" ")
        if row and digest == _digest(row):
            yield json.loads(row)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:_DIGEST].encode()
