"""The local executor: one process per list of stages, in a row.

A process may run several stages that gain from one another's imports; each still writes its own folder, and a
process that dies fails only the stage it was in.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leaven.engine.stage import Stage, Task
from leaven.engine.store import Store

OnEvent = Callable[[dict[str, Any]], None]
_GRACE_S = 2.0


class LocalExecutor:
    """Runs lists of stages on this machine; ``made_by`` (versions, commit, machine) goes into each record."""

    def __init__(self, made_by: dict[str, Any]):
        self._made_by = made_by

    def perform(self, stages: Sequence[Stage], store: Store, on_event: OnEvent) -> None:
        """Run the stages in one process; what a dead process left undone is failed (the stage it was in) or left."""
        tasks = [stage.task() for stage in stages]
        worker = _start(tasks, store, self._made_by)
        assert worker.stdout is not None
        running, begun = None, False
        try:
            for line in worker.stdout:
                event = json.loads(line)
                running, begun = event["key"] if event["event"] == "start" else None, True
                on_event(event)
            worker.wait()
        finally:
            _end(worker)
        lost = next((task for task in tasks if task.key == running), None)
        if lost is None and not begun:
            lost = tasks[0]  # the process never reached its first stage
        if lost is not None:
            self._mourn(lost, worker.returncode, store, on_event)

    def _mourn(self, task: Task, returncode: int, store: Store, on_event: OnEvent) -> None:
        message = f"the stage's process ended {_cause(returncode)}"
        store.fail(task, message, store.log_tail(task))
        on_event({"event": "failed", "key": task.key, "message": message})


def _start(tasks: Sequence[Task], store: Store, made_by: dict[str, Any]) -> subprocess.Popen[str]:
    cores = max((task.needs["cores"] or _cores() for task in tasks), default=_cores())
    worker = subprocess.Popen(
        [sys.executable, "-m", "leaven.engine.perform"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(cores),
        start_new_session=True,  # Ctrl-C reaches the driver, and the driver ends the whole session
    )
    assert worker.stdin is not None
    job = {"root": str(Path(store.root).resolve()), "made_by": made_by, "tasks": [asdict(task) for task in tasks]}
    try:
        worker.stdin.write(json.dumps(job) + "\n")
        worker.stdin.flush()
    except BrokenPipeError:  # it died before it read its job: its exit tells
        pass
    return worker


def _environment(cores: int) -> dict[str, str]:
    """Threads by count, waiting without spinning (a busy neighbour costs its share, not 10 times), no telemetry."""
    one_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    fixed = {
        "CUDA_VISIBLE_DEVICES": one_gpu,  # several would make transformers multiply the batch
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    threads = {name: str(cores) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    return {**os.environ, **fixed, **threads}


def _end(worker: subprocess.Popen[str]) -> None:
    """End the worker's session whatever happened, politely first."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(worker.pid, ending)
        except (ProcessLookupError, PermissionError):
            break
        deadline = time.monotonic() + _GRACE_S
        while worker.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if worker.poll() is not None:
            break
    worker.wait()
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            stream.close()


def _cause(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "by SIGKILL (out of memory, or somebody killed it)"
    if returncode < 0:
        return f"by {signal.Signals(-returncode).name}"
    return f"with exit code {returncode} before the stage was done"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
