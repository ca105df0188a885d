"""The local executor: lists of stages side by side, each in a process of its own, as far as this machine goes.

A list is one stage, or several on one model; each stage still writes its own folder, and a process that dies fails
only the stage it was in. One GPU has one list, and a list has one GPU, or all where a stage in it says so.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from leaven.engine.machine import Gpu, Machine, this_machine
from leaven.engine.stage import Stage, Task
from leaven.engine.store import Store
from leaven.engine.warm import NAMES
from leaven.engine.workers import Workers

Event = dict[str, Any]
_BASE_MB = 700  # what every worker holds before it computes anything
_CUDA_MB = 2500  # and what CUDA's libraries and context add
_GRACE_S = 2.0
_TALKING_S = 0.3  # for a hanging stage to write where it hangs


class LocalExecutor:
    """Runs lists of stages on this machine; ``made_by`` (versions, commit, machine) goes into each record.

    ``limit_s`` is the longest that one stage may take; it is ended then, and failed.
    """

    def __init__(
        self,
        made_by: dict[str, Any],
        machine: Machine | None = None,
        limit_s: float | None = None,
        preloaded: Sequence[str] = NAMES,
    ):
        self.machine = machine or this_machine()
        self._made_by, self._limit_s = made_by, limit_s
        self._workers = Workers(preloaded, environment(1))
        self._running: list[_Running] = []
        self._closing = False

    def takes(self, stages: Sequence[Stage]) -> bool:
        """Say whether there is room for a list now, beside what runs."""
        needs = [stage.needs for stage in stages]
        if any(need.gpu for need in needs) and self.machine.gpus and not self._free_gpus(stages):
            return not self._running
        cores = self.machine.cores - sum(one.cores for one in self._running)
        memory = self.machine.memory_mb - sum(one.memory_mb for one in self._running)
        fits = _cores(stages, self.machine) <= cores and _memory_mb(stages, self.machine) <= memory
        return fits or not self._running  # what is alone may try: an estimate is only that

    def start(self, stages: Sequence[Stage], store: Store) -> None:
        """Begin a list; what becomes of it comes out of ``wait``."""
        tasks = [stage.task() for stage in stages]
        gpus = self._free_gpus(stages) if any(stage.needs.gpu for stage in stages) else ()
        cores = _cores(stages, self.machine)
        job = {
            "root": str(store.root.resolve()),
            "made_by": self._made_by,
            "threads": cores,
            "environment": environment(cores, gpus),
            "tasks": [asdict(task) for task in tasks],
        }
        channel = self._workers.fork()
        memory = _memory_mb(stages, self.machine)
        running = _Running(tasks, store, channel, self._workers.generation, cores, memory, gpus)
        self._running.append(running)
        try:
            channel.sendall(json.dumps(job).encode() + b"\n")
        except OSError:  # it is gone already: what it said, and how it ended, come out of wait
            return

    def wait(self, timeout: float) -> list[Event]:
        """Return what happened, waiting for something to happen; ``left`` ends a list that was not finished."""
        control = self._workers.control
        open_ones = [one.channel for one in self._running if not one.closed]  # a closed one is always ready
        sockets = open_ones + ([control] if control else [])
        ready, _, _ = select.select(sockets, [], [], timeout)
        exits = self._workers.exits() if control in ready else {}
        events: list[Event] = []
        for one in list(self._running):
            if exits or one.channel in ready:  # a worker says its number before it can end
                events += one.heard()
            if one.pid in exits:
                one.code = exits[one.pid]
            if one.current is not None or one.settled:
                self._workers.came()  # one that dies before its first stage did not get anywhere
            if self._has_ended(one):
                events += self._bury(one)
            elif one.is_over(self._limit_s):
                events += self._bury(one, f"took longer than its limit of {self._limit_s:g} s; raise --limit")
        return events

    def close(self) -> None:
        """End every stage and the server, politely first; what stages wrote stays for the next run."""
        self._closing = True
        for one in [one for one in self._running if one.pid is None]:
            self._running.remove(one)  # a worker that is only coming ends itself at the closed channel
            one.channel.close()
        for ending in (signal.SIGTERM, signal.SIGKILL):
            for one in self._running:
                one.signal(ending)
            deadline = time.monotonic() + _GRACE_S
            while self._running and time.monotonic() < deadline:
                self.wait(0.05)
        self._workers.close()

    def _free_gpus(self, stages: Sequence[Stage]) -> tuple[Gpu, ...]:
        """Return the smallest free GPU that what is certain fits, or all where a stage wants all; () if none now."""
        taken = {gpu for one in self._running for gpu in one.gpus}
        if any(stage.needs.gpu and stage.needs.gpus == "all" for stage in stages):
            return () if taken else self.machine.gpus
        least = max(stage.needs.least_mb or 0 for stage in stages)
        free = [gpu for gpu in self.machine.gpus if gpu not in taken and (gpu.memory_mb or least) >= least]
        return tuple(sorted(free, key=lambda gpu: gpu.memory_mb or 0)[:1])

    def _has_ended(self, one: _Running) -> bool:
        """Say whether a worker's exit is known, or cannot become known because the server that saw it is gone."""
        orphan = self._workers.control is None or self._workers.generation != one.generation
        return one.code is not None or (one.closed and (orphan or one.pid is None))

    def _bury(self, one: _Running, cause: str | None = None) -> Iterator[Event]:
        """Settle a list whose process ended, or is ended now: the stage it was in failed, the rest is left."""
        if cause is not None:
            one.signal(signal.SIGUSR1)
            time.sleep(_TALKING_S)
        one.signal(signal.SIGKILL)  # and whatever it started
        yield from one.heard()
        self._running.remove(one)
        one.channel.close()
        if self._closing:  # what we end ourselves was stopped, it did not fail
            return
        if one.current is not None and one.store.record(one.current) is not None:  # it died before it could say so
            yield {"event": "done", "key": one.current.key, "reused": False}
        elif one.current is not None:
            message = f"the stage {cause}" if cause else f"the stage's process ended {_cause(one.code)}"
            one.store.fail(one.current, message, one.store.log_tail(one.current))
            yield {"event": "failed", "key": one.current.key, "message": message}
        elif not one.settled:
            self._workers.in_vain()
        yield {"event": "left", "key": "", "keys": [task.key for task in one.tasks]}


@dataclass
class _Running:
    """A list at work, as the driver sees it."""

    tasks: list[Task]
    store: Store
    channel: socket.socket
    generation: int
    cores: int
    memory_mb: int
    gpus: tuple[Gpu, ...]
    pid: int | None = None
    code: int | None = None
    current: Task | None = None
    since: float = 0.0
    settled: int = 0
    closed: bool = False
    unread: bytes = field(default=b"")

    def heard(self) -> list[Event]:
        """Return the events that have come, whole lines only."""
        self.channel.setblocking(False)
        while not self.closed:
            try:
                said = self.channel.recv(65536)
            except BlockingIOError:
                break
            except ConnectionResetError:  # it died with our words unread; what it said before can still be read
                continue
            except OSError:
                said = b""
            self.closed = not said
            self.unread += said
        self.channel.setblocking(True)
        *lines, self.unread = self.unread.split(b"\n")
        return [event for line in lines if (event := self._noted(json.loads(line)))]

    def _noted(self, event: Event) -> Event | None:
        if event["event"] == "worker":
            self.pid = event["pid"]
            return None
        if event["event"] == "start":
            self.current = next(task for task in self.tasks if task.key == event["key"])
            self.since = time.monotonic()
        else:
            self.current, self.settled = None, self.settled + 1
        return event

    def is_over(self, limit_s: float | None) -> bool:
        """Say whether the stage at work has had all the time that one stage may take."""
        return limit_s is not None and self.current is not None and time.monotonic() - self.since > limit_s

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the worker and all that it started."""
        if self.pid is None:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # they are gone
            return


def environment(threads: int, gpus: Sequence[Gpu] = ()) -> dict[str, str]:
    """Return a stage's surroundings: threads by count, no telemetry.

    Threads wait without spinning, so that a busy neighbour costs its share and not ten times as much.
    """
    fixed = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi numbers them; CUDA's own order is fastest first
        # Several would make transformers multiply the batch, unless the model is laid over them.
        "CUDA_VISIBLE_DEVICES": ",".join(gpu.name for gpu in gpus),
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # "is there a GPU?" must not initialise CUDA before a fork
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "TQDM_DISABLE": "1",  # bars would be all that a failed stage's last lines show
    }
    return {**fixed, **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}}


def _cores(stages: Sequence[Stage], machine: Machine) -> int:
    wanted = max(stage.needs.cores or machine.cores_of_one for stage in stages)
    return min(wanted, machine.cores)


def _memory_mb(stages: Sequence[Stage], machine: Machine) -> int:
    """Return the main memory that a list will take: what computes on a GPU is loaded here first."""
    on_gpu = [stage.needs.gpu and bool(machine.gpus) for stage in stages]
    here = [
        s.needs.weights_mb + _CUDA_MB if gpu else s.needs.memory_mb or 0 for s, gpu in zip(stages, on_gpu, strict=True)
    ]
    return _BASE_MB + max(here)


def _cause(code: int | None) -> str:
    if code is None:
        return "without a word (the server that would know why is gone too)"
    if code == -signal.SIGKILL:
        return "by SIGKILL (out of memory, or somebody killed it)"
    if code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with exit code {code} before the stage was done"
