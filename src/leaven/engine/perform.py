"""Inside a worker process: perform a list of tasks, each into its own folder.

``python -m leaven.engine.perform`` reads one JSON job from standard input, writes one JSON event a line to standard
output, and ends when its driver does: the driver holds the other end of standard input open for as long as it lives.
What a task prints, native code included, goes to its own log.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leaven.engine.stage import Task, resolve
from leaven.engine.store import LOG, Store
from leaven.errors import LeavenError

Emit = Callable[..., None]


def main() -> None:
    """Read the job, perform its tasks, report by events."""
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what is printed between stages is no event
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_driver, daemon=True).start()

    def emit(event: str, key: str, **more: Any) -> None:
        events.write(json.dumps({"event": event, "key": key, **more}) + "\n")

    store, missing = Store(Path(job["root"])), set[str]()
    for task in (Task(**described) for described in job["tasks"]):
        lacks_input = any(key in missing for _, key in task.inputs.values())
        if lacks_input or not perform(task, store, job["made_by"], emit):
            missing.add(task.key)


def perform(task: Task, store: Store, made_by: dict[str, Any], emit: Emit) -> bool:
    """Perform one task unless it is done, waiting for another worker's lock; say whether its result is there."""
    with store.lock(task):
        if store.record(task) is not None:
            emit("done", task.key, reused=True)
            return True
        store.discard(task)
        partial = store.begin(task)
        store.forget_failure(task)
        emit("start", task.key)
        with Printing(partial / LOG):
            failure = _attempt(task, store, partial, made_by)
        if failure is None:
            emit("done", task.key, reused=False)
            return True
        store.fail(task, failure, store.log_tail(task))
        emit("failed", task.key, message=failure)
        return False


def _attempt(task: Task, store: Store, partial: Path, made_by: dict[str, Any]) -> str | None:
    """Run the verb and commit; return the message of a failure."""
    started, cpu = time.time(), time.process_time()
    try:
        inputs = {name: store.root / kind / key for name, (kind, key) in task.inputs.items()}
        paths = {name: Path(path) for name, path in task.needs["paths"].items()}
        facts = resolve(task.verb)(task.args, {**inputs, **paths}, partial) or {}
        cost = _cost(started, cpu)
        store.commit(task, {**_identity(task), "facts": facts, "needs": task.needs, "made_by": made_by, "cost": cost})
    except LeavenError as error:
        print(f"{type(error).__name__}: {error}")  # noqa: T201 - into the stage's log
        return str(error)
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _identity(task: Task) -> dict[str, Any]:
    inputs = {name: key for name, (_, key) in task.inputs.items()}
    return {"kind": task.kind, "version": task.version, "verb": task.verb, "args": task.args, "inputs": inputs}


def _cost(started: float, cpu: float) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "started": round(started, 3),
        "wall_s": round(time.time() - started, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "process_peak_mb": peak // 1024 if platform.system() == "Linux" else peak // 1024**2,
    }


class Printing:
    """Send file descriptors 1 and 2 to a log while inside, so that native code's output lands there too."""

    def __init__(self, log: Path):
        self._log = log

    def __enter__(self) -> None:
        self._flush()
        self._saved = (os.dup(1), os.dup(2))
        handle = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.close(handle)

    def __exit__(self, *_: object) -> None:
        self._flush()
        for saved, descriptor in zip(self._saved, (1, 2), strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)

    @staticmethod
    def _flush() -> None:
        sys.stdout.flush()
        sys.stderr.flush()


def _end_with_driver() -> None:
    """Block until the driver closes our standard input, by dying or on purpose, then end the whole session."""
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
