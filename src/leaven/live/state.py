"""What a run is doing now, as plain data: its stages with their states, how far the running ones are, what failed.

Told by the run's folder, the store and the end of ``events.jsonl``; nothing is computed and nothing is written.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leaven import upkeep
from leaven import workspace as workspaces
from leaven.engine.stage import Task
from leaven.engine.store import Store

EVENTS = "events.jsonl"
_TAIL_BYTES = 200_000
_EVENTS = 12  # the newest ones, for people
_LOG_LINES = 20


def state(folder: Path, store: Store) -> dict[str, Any]:
    """Return a run's state; raises ReportError if the run does not say which stages it names.

    ``stages`` are in the order of the work: ``key``, ``title``, ``kind``, ``state`` (done, running, failed, begun,
    blocked, waiting), ``inputs`` (keys); a running one has ``progress``, a failed one ``message`` and ``log``. ``made``
    changes whenever a result is added.
    """
    found = upkeep.status(folder, store)
    states = dict(upkeep.told(found.stages))
    stages = [_stage(task, states, store) for task, _ in found.stages]
    return {
        "run": folder.name,
        "at_work": workspaces.is_running(folder),
        "counts": dict(Counter(states.values())),
        "made": sum(one == "done" for one in states.values()),
        "stages": stages,
        "events": list(_newest(folder / EVENTS)),
    }


def _stage(task: Task, states: dict[str, str], store: Store) -> dict[str, Any]:
    about: dict[str, Any] = {
        "key": task.key, "title": task.title, "kind": task.kind, "state": states[task.key],
        "inputs": [key for _, key in task.inputs.values() if key in states],
    }  # fmt: skip
    if about["state"] == "running":
        about["progress"] = store.progress(task)
    elif about["state"] == "failed":
        failure = store.failure(task) or {}
        lines = failure.get("last_lines") or store.log_tail(task, _LOG_LINES)
        about |= {"message": str(failure.get("message", "")), "log": [str(line) for line in lines][-_LOG_LINES:]}
    return about


def _newest(file: Path) -> Iterator[dict[str, str]]:
    """Yield the last events, newest first; a line that is being written is left for the next look."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = stream.read().decode(errors="replace").splitlines()
    except OSError:
        return
    told = 0
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):  # cut off at either end, or not ours
            continue
        if isinstance(event, dict) and event.get("event") in ("start", "done", "failed"):
            yield {name: str(event.get(name, "")) for name in ("time", "event", "title", "message")}
            told += 1
        if told == _EVENTS:
            return
