"""What a stage leaves while it works: the folder that the next attempt goes on from, and how far it got.

The engine keeps ``resume/`` of a stage's folder after a crash and removes it when the stage is done; whoever watches
reads ``resume/progress.json``.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

FOLDER = "resume"
LOGS = "logs"  # curves and the like, for people: the engine keeps the folder over all attempts, unhashed
FILE = "progress.json"
_EVERY_S = 0.5


class Progress:
    """Says how far a stage is, at most twice a second. Nothing depends on it, so it is not flushed to the disk."""

    def __init__(self, out: Path, unit: str):
        self._file, self._unit, self._started, self._next = out / FOLDER / FILE, unit, time.monotonic(), 0.0
        self._first: int | None = None
        self._silent = False

    def __call__(self, done: int, total: int | None, **more: float | None) -> None:
        """Write that ``done`` of ``total`` units (None: nobody knows) are done; ``more`` are numbers worth showing.

        ``silent_s`` among them says that a server answers nobody: how much time is left is then unknown.
        """
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        silent = "silent_s" in more
        if now < self._next and silent == self._silent:
            return
        self._next, self._silent = now + _EVERY_S, silent
        gone, made = now - self._started, done - self._first
        left = gone / made * (total - done) if made > 0 and total is not None and not silent else None
        said = {"done": done, "total": total, "unit": self._unit, "left_s": left, **more}
        self._file.parent.mkdir(exist_ok=True)
        beside = self._file.with_name(f".{FILE}")
        beside.write_text(json.dumps(said), encoding="utf-8")
        beside.replace(self._file)
