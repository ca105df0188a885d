"""Start a training in several processes by torchrun, hear what they say, and let none of them outlive it.

Each process (a rank) runs ``leaven.train.worker``. It connects to a socket of this one, says which rank it is and how
many ranks it counts, is given the job, and says in the end what came of it. A rank whose socket closes ends itself: so
all end when one fails, when this process is done with them, and when it is killed. Nothing is listened to but the
socket, in a folder that only this user can open, and torchrun's own rendezvous on loopback.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven import errors
from leaven.errors import LeavenError, ModelError, StageError
from leaven.train.spread import Preset, preset

MEETING_S = 600.0  # for ranks to import what they need, on a machine that is busy
_CAUSE_S = 2.0  # how long the cause of a failure may come after the first complaint of it
_ENDING_S = 10.0
_LOOPBACK = "127.0.0.1"


def preset_of(launch: Mapping[str, Any]) -> Preset:
    """Return the preset that a launch names, with what its configuration says beside; raises ModelError."""
    return preset(launch["preset"], launch.get("zero"), launch.get("fsdp"))


def launched(
    call: str, args: Mapping[str, Any], inputs: Mapping[str, Path], out: Path, launch: Mapping[str, Any]
) -> dict[str, Any]:
    """Run a training in several processes; return the facts of the first one.

    ``call`` (``package.module:function``) is called in each rank with ``args``, ``inputs``, ``out`` and its ``Spread``.
    ``launch`` has ``preset``, ``processes``, and ``zero`` or ``fsdp`` laid over the preset. Raises what a rank raised,
    if that is a message for people; RuntimeError with the rank's number for anything else, StageError for a rank that
    ended without a word.
    """
    chosen, processes = preset_of(launch), int(launch.get("processes") or 1)
    prove_runs_here(chosen, processes)
    job = {
        "call": call, "args": dict(args), "inputs": {name: str(path) for name, path in inputs.items()},
        "out": str(out), "launch": {**launch, "processes": processes},
    }  # fmt: skip
    with _ranks(processes) as ranks:
        ranks.meet(job)
        return ranks.facts()


def prove_runs_here(chosen: Preset, processes: int) -> None:
    """Raise ModelError if this machine cannot run a preset in so many processes."""
    import torch

    if said := why_not_here(chosen, processes, torch.cuda.device_count()):
        raise ModelError(f"launch: {said}")


def why_not_here(chosen: Preset, processes: int, gpus: int, sees: str = "this training sees") -> str | None:
    """Say why a preset cannot run in so many processes with so many GPUs; None if it may. Imports no torch.

    ``sees`` says, in the reason, whose GPUs they are.
    """
    import importlib.util

    if chosen.needs_gpu and not gpus:
        return (f"preset {chosen.name} computes on GPUs, and {sees} none; launch it by ddp, zero2 or zero3, or on a "
                "machine with GPUs")  # fmt: skip
    if gpus and processes > gpus:
        return f"{processes} processes need a GPU each, and {sees} {gpus}; lower launch.processes"
    if chosen.deepspeed is not None and importlib.util.find_spec("deepspeed") is None:
        return f"preset {chosen.name} needs DeepSpeed; pip install 'leaven[deepspeed]', or launch by ddp"
    return None


@dataclass
class _Rank:
    """One rank, as this process hears it."""

    channel: socket.socket
    number: int | None = None
    world: int | None = None
    said: dict[str, Any] | None = None  # what came of it
    gone: bool = False
    unread: bytes = b""

    def heard(self) -> Iterator[dict[str, Any]]:
        """Yield what has come, whole lines only."""
        try:
            part = self.channel.recv(1 << 16)
        except OSError:
            part = b""
        self.gone = not part
        *lines, self.unread = (self.unread + part).split(b"\n")
        yield from map(json.loads, lines)


@dataclass
class _Ranks:
    """All ranks of one training."""

    listener: socket.socket
    torchrun: subprocess.Popen[bytes]
    processes: int
    chosen: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    each: list[_Rank] = field(default_factory=list)
    lost: list[_Rank] = field(default_factory=list)  # those that ended without a word, in this order

    def __post_init__(self) -> None:
        self.chosen.register(self.listener, selectors.EVENT_READ)

    def meet(self, job: Mapping[str, Any]) -> None:
        """Wait for every rank, and give it the job; raises StageError if they do not come, or disagree."""
        deadline = time.monotonic() + MEETING_S
        while sum(rank.number is not None for rank in self.each) < self.processes:
            self._listen(0.2)
            self._prove_agreed()
            if self.torchrun.poll() is not None or any(rank.gone for rank in self.each):
                raise self._failure()
            if time.monotonic() > deadline:
                came = sum(rank.number is not None for rank in self.each)
                raise StageError(f"launch: {came} of {self.processes} processes came within {MEETING_S:g} s; run it "
                                 "again when the machine is less busy")  # fmt: skip
        line = json.dumps(job).encode() + b"\n"
        for rank in self.each:
            try:
                rank.channel.sendall(line)
            except OSError:  # it is gone already, and that is heard next
                continue

    def facts(self) -> dict[str, Any]:
        """Wait until every rank is done; return what the first one found. Raises what a rank raised."""
        while not all(rank.said and "facts" in rank.said for rank in self.each):
            self._listen(0.5)
            if any(rank.said and "failed" in rank.said for rank in self.each) or self._is_one_lost():
                raise self._failure()
        told = next(rank.said for rank in self.each if rank.number == 0)
        assert told is not None
        return dict(told["facts"])

    def _is_one_lost(self) -> bool:
        return bool(self.lost) or self.torchrun.poll() is not None

    def _listen(self, seconds: float) -> None:
        for ready, _ in self.chosen.select(seconds):
            if ready.fileobj is self.listener:
                rank = _Rank(self.listener.accept()[0])
                self.each.append(rank)
                self.chosen.register(rank.channel, selectors.EVENT_READ, rank)
                continue
            for said in ready.data.heard():
                self._note(ready.data, said)
            if ready.data.gone:
                self.chosen.unregister(ready.data.channel)
                self.lost += [ready.data] if ready.data.said is None else []

    def _note(self, rank: _Rank, said: dict[str, Any]) -> None:
        if "rank" in said:
            rank.number, rank.world = said["rank"], said["world"]
        else:
            rank.said = said

    def _prove_agreed(self) -> None:
        met = [rank for rank in self.each if rank.number is not None]
        for rank in met:
            if rank.world != self.processes:
                raise StageError(f"launch: rank {rank.number} counts {rank.world} processes, and {self.processes} were "
                                 "started; take WORLD_SIZE out of the environment, and run it again")  # fmt: skip
        if len({rank.number for rank in met}) < len(met):
            raise StageError(f"launch: two processes say they are rank {max(int(r.number or 0) for r in met)}; run it "
                             "again")  # fmt: skip

    def _failure(self) -> Exception:
        """Return the cause of a failure: a message for people, else a rank that died, else the first complaint."""
        deadline = time.monotonic() + _CAUSE_S
        while time.monotonic() < deadline and not any(map(_for_people, self.each)):
            self._listen(0.1)
            if all(rank.gone for rank in self.each):
                break
        if said := next((rank.said for rank in self.each if _for_people(rank)), None):
            kind = getattr(errors, said["failed"])
            made: Exception = kind(said["message"]) if kind is not errors.StudyError else LeavenError(said["message"])
            return made
        if self.lost:  # the first of them: torchrun ends the others for its sake
            return StageError(f"launch: rank {self.lost[0].number} of {self.processes} ended without a word (killed, "
                              "or out of memory?), so all were stopped; the log has what it said")  # fmt: skip
        if failed := next((rank for rank in self.each if rank.said and "failed" in rank.said), None):
            assert failed.said is not None
            return RuntimeError(f"rank {failed.number}: {failed.said['failed']}: {failed.said['message']}")
        return StageError(f"launch: torchrun ended with exit code {self.torchrun.poll()}; the log has what it said")

    def end(self) -> None:
        """End every process: the ranks by their closing channels; torchrun is waited for if all went well."""
        well = bool(self.each) and all(rank.said and "facts" in rank.said for rank in self.each)
        if well:
            with suppress(subprocess.TimeoutExpired):
                self.torchrun.wait(_ENDING_S)
        for rank in self.each:
            rank.channel.close()
        self.chosen.close()
        self.torchrun.kill()
        self.torchrun.wait()


def _for_people(rank: _Rank) -> bool:
    kind = getattr(errors, str((rank.said or {}).get("failed")), None)
    return isinstance(kind, type) and issubclass(kind, LeavenError)


@contextmanager
def _ranks(processes: int) -> Iterator[_Ranks]:
    """Start so many ranks; however this ends, they have ended then."""
    with tempfile.TemporaryDirectory(prefix="leaven-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path := f"{folder}/ranks")
        listener.listen(processes)
        ranks = _Ranks(listener, subprocess.Popen(_words(processes, path), env=_around(processes)), processes)  # noqa: S603
        try:
            yield ranks
        finally:
            ranks.end()


def _words(processes: int, path: str) -> list[str]:
    """Return torchrun's command: one machine, met on loopback, none started again."""
    meeting = ["--nnodes=1", f"--nproc-per-node={processes}", "--rdzv-backend=c10d", f"--rdzv-endpoint={_LOOPBACK}:0",
               f"--rdzv-id={os.getpid()}", f"--local-addr={_LOOPBACK}", "--max-restarts=0",
               f"--log-dir={path}.log"]  # fmt: skip
    return [sys.executable, "-m", "torch.distributed.run", *meeting, "-m", "leaven.train.worker", path]


def _around(processes: int) -> dict[str, str]:
    """Return the ranks' environment: what this process has, its threads shared, and nothing of another launch."""
    foreign = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK")
    kept = {name: value for name, value in os.environ.items()
            if name not in foreign and not name.startswith(("ACCELERATE_", "TORCHELASTIC_", "FSDP_"))}  # fmt: skip
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = max(1, int(given) // processes) if given.isdecimal() else 1
    counted = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    return {**kept, **counted, **loopback}
