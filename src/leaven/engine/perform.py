"""Inside a worker process: perform a list of tasks, each into its own folder.

A worker is forked by the warm server with one end of a channel to the driver. It reads one JSON job there, writes one
JSON event a line, and ends when the driver's end closes, however that comes about. What a task prints, native code
included, goes to its own log.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from leaven.engine.files import read_json, trouble
from leaven.engine.stage import Task, resolve
from leaven.engine.store import LOG, MAKERS, PROGRESS, RESUME, Store
from leaven.engine.warm import forget_devices, limit_threads
from leaven.errors import LeavenError

Emit = Callable[..., None]


def work(channel: socket.socket) -> NoReturn:
    """Read the job, perform its tasks, report by events, end without tearing anything down."""

    def emit(event: str, key: str = "", **more: Any) -> None:
        channel.sendall(json.dumps({"event": event, "key": key, **more}).encode() + b"\n")

    emit("worker", pid=os.getpid())
    line = channel.makefile("r", encoding="utf-8").readline()
    if not line:
        os._exit(0)
    threading.Thread(target=_end_with_driver, args=(channel,), daemon=True).start()
    job = json.loads(line)
    _settle(job)
    store, missing = Store(Path(job["root"])), set[str]()
    for task in (Task(**described) for described in job["tasks"]):
        if any(key in missing for _, key in task.inputs.values()) or not _perform(task, store, job, emit):
            missing.add(task.key)
    os._exit(0)


def _settle(job: dict[str, Any]) -> None:
    """Take on the circumstances of the job before anything uses them."""
    faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR1, 2, all_threads=False)  # a driver asks where a stage hangs
    os.environ.update(job["environment"])
    limit_threads(job["threads"])
    forget_devices()
    _die_first()


def _die_first() -> None:
    """Ask the kernel to take a stage, not its driver, when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500")
    except OSError:  # no such file outside Linux: then the kernel chooses as it likes
        return


def _end_with_driver(channel: socket.socket) -> None:
    """Block until the driver's end closes, by its death or on purpose, then end the whole session."""
    try:
        while channel.recv(4096):
            pass
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _perform(task: Task, store: Store, job: dict[str, Any], emit: Emit) -> bool:
    """Perform one task; trouble with the disk outside of the verb is no failure of the task, and ends the run."""
    try:
        return perform(task, store, {**job["made_by"], "threads": job["threads"]}, emit)
    except OSError as error:
        emit("trouble", task.key, message=trouble(error, store.root) or f"{store.root}: {error}")
        return False


def perform(task: Task, store: Store, made_by: dict[str, Any], emit: Emit) -> bool:
    """Perform one task unless it is done or somebody else is at it; say whether its result is there."""
    from filelock import Timeout

    try:
        held = store.lock(task).acquire(timeout=0)
    except Timeout:
        emit("busy", task.key)
        return False
    with held:
        if store.record(task) is not None:
            emit("done", task.key, reused=True)
            return True
        store.discard(task)
        partial = store.begin(task)
        store.forget_failure(task)
        emit("start", task.key)
        with Printing(partial / LOG):
            failure = _attempt(task, store, partial, made_by)
        return _settled(task, store, failure, emit)


def _settled(task: Task, store: Store, failure: Exception | None, emit: Emit) -> bool:
    if failure is None:
        emit("done", task.key, reused=False)
        return True
    if (said := trouble(failure, store.root)) is not None:
        emit("trouble", task.key, message=said)
        return False
    store.fail(task, message(failure), store.log_tail(task))
    emit("failed", task.key, message=message(failure))
    return False


def message(failure: Exception) -> str:
    """Return what a person is told of a failure: a message for people as it is, of any other its first line."""
    if isinstance(failure, LeavenError):
        return str(failure)
    return f"{type(failure).__name__}: {failure}".splitlines()[0]


def _attempt(task: Task, store: Store, partial: Path, made_by: dict[str, Any]) -> Exception | None:
    """Run the verb and commit; return what was raised."""
    try:
        attempt(task, store, partial, made_by)
    except LeavenError as error:
        print(f"{type(error).__name__}: {error}")  # noqa: T201 - into the stage's log
        return error
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        return error
    return None


def attempt(task: Task, store: Store, partial: Path, made_by: dict[str, Any]) -> None:
    """Run a task's verb in its partial folder and commit the result; raises whatever the verb raises. Hold its lock."""
    begun, (began_by, earlier_s) = _Meter(), _take_over(partial / RESUME, made_by)
    inputs = {name: store.root / kind / key for name, (kind, key) in task.inputs.items()}
    paths = {name: Path(path) for name, path in task.needs["paths"].items()}
    around = task.needs.get("around")  # runs that were named by an earlier version have none
    args = {**task.args, "around": around} if around else task.args
    facts = resolve(task.verb)(args, {**inputs, **paths}, partial) or {}
    about = {
        "facts": facts,
        "needs": task.needs,
        "made_by": made_by,
        "began_by": began_by,
        "cost": begun.cost(earlier_s),
    }
    store.commit(task, {**_identity(task), **about})


def _take_over(resume: Path, made_by: dict[str, Any]) -> tuple[list[dict[str, Any]], float]:
    """Note who works here; return who made what is gone on from, where versions, commit or threads were others, and
    for how many seconds earlier attempts worked.
    """
    file = resume / MAKERS
    left = read_json(file) or {}
    goes_on = resume.exists() and any(one.name not in (MAKERS, PROGRESS) for one in resume.iterdir())
    others = [maker for maker in left.get("makers", []) if maker != made_by] if goes_on else []
    earlier_s = _earlier_s(resume, left)
    resume.mkdir(exist_ok=True)
    said = {"makers": [*others, made_by], "begun": time.time(), "earlier_s": earlier_s}
    file.write_text(json.dumps(said), encoding="utf-8")
    return others, earlier_s


def _earlier_s(resume: Path, left: dict[str, Any]) -> float:
    """Return the seconds of earlier attempts, of each until it last wrote here: it may have been killed later."""
    before, begun = left.get("earlier_s", 0.0), left.get("begun")
    if not isinstance(before, int | float) or not isinstance(begun, int | float):
        return 0.0
    last = max((one.stat().st_mtime for one in resume.rglob("*")), default=0.0)
    return before + max(0.0, last - begun)


def _identity(task: Task) -> dict[str, Any]:
    inputs = {name: key for name, (_, key) in task.inputs.items()}
    return {"kind": task.kind, "version": task.version, "verb": task.verb, "args": task.args, "inputs": inputs}


class _Meter:
    """What a stage costs: wall time, the last attempt's CPU time (its children's too), the process's peak memory."""

    def __init__(self) -> None:
        self._started, self._wall, self._cpu = time.time(), time.monotonic(), _cpu_s()
        try:
            Path("/proc/self/clear_refs").write_text("5")  # forget the peak of what ran before in this process
        except OSError:  # not on this system: the peak is then that of the process so far
            return

    def cost(self, earlier_s: float) -> dict[str, Any]:
        """Return it in numbers; ``earlier_s``, of attempts that were cut off, are part of the wall time, and named."""
        return {
            "started": round(self._started, 3),
            "wall_s": round(time.monotonic() - self._wall + earlier_s, 3),
            **({"earlier_s": round(earlier_s, 3)} if earlier_s else {}),
            "cpu_s": round(_cpu_s() - self._cpu, 3),
            "peak_mb": _peak_mb(),
        }


def _cpu_s() -> float:
    return sum(os.times()[:4])


def _peak_mb() -> int:
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 1024 if platform.system() == "Linux" else peak // 1024**2


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
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # a full disk: the log is cut off, the stage's own writes say so
                continue
