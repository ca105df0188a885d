"""Checkpoints of a training in progress: the newest whole one, and none that would wedge a resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

_STATE = "trainer_state.json"  # transformers writes it last: a checkpoint without it is half-written
_SEEN = "seen.json"


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end; half-written ones are deleted."""
    whole = []
    for path in folder.glob("checkpoint-*"):
        if _is_whole(path):
            whole.append(path)
        else:
            shutil.rmtree(path)
    return max(whole, key=_step, default=None)


def save_seen(checkpoint: Path, seen: dict[str, int]) -> None:
    """Keep beside a checkpoint what its run had seen, so that a resumed run's count is that of the whole."""
    (checkpoint / _SEEN).write_text(json.dumps(seen), encoding="utf-8")


def load_seen(checkpoint: Path) -> dict[str, int]:
    """Return what the run had seen when it wrote this checkpoint."""
    found: dict[str, int] = json.loads((checkpoint / _SEEN).read_text(encoding="utf-8"))
    return found


def _is_whole(path: Path) -> bool:
    try:
        states: list[Any] = [json.loads((path / name).read_text(encoding="utf-8")) for name in (_STATE, _SEEN)]
    except (OSError, ValueError):
        return False
    return all(isinstance(state, dict) for state in states)


def _step(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else -1
