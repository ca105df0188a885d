"""Processes that die: SIGKILL of driver, worker and server in turn; a stage that memory runs out for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from command import Ended, Run, Tally, tail
from trial import Trial, kill

VICTIMS = ("driver", "worker", "server")
_GROUPS = Path("/sys/fs/cgroup")
_SPARE_BYTES = 4 * 1024**2  # what a stage may still take before memory runs out
_ATTEMPTS = 3  # runs for each time that memory is to run out
_IN_VAIN = 4  # re-issues without a kill that may fail before a run counts as lost


def killings(trial: Trial, count: int) -> list[Tally]:
    """Kill driver, worker and server in turn at random moments, re-issuing the command until each study is done."""
    tallies = {victim: Tally(f"SIGKILL of the {victim}") for victim in VICTIMS}
    victims = deque(VICTIMS[number % len(VICTIMS)] for number in range(count))
    while victims:
        with trial.workspace() as workspace:
            _Killed(trial, workspace, tallies).through(victims)
    return list(tallies.values())


class _Killed:
    """One study on its way through kills to its end."""

    def __init__(self, trial: Trial, workspace: Path, tallies: dict[str, Tally]):
        self._trial, self._workspace, self._tallies = trial, workspace, tallies
        self._struck: list[str] = []  # who died under the driver that now runs
        self._left: tuple[psutil.Process | None, list[psutil.Process]] = (None, [])  # by a killed driver
        self._blamed = tallies[VICTIMS[0]]

    def through(self, victims: deque[str]) -> None:
        """Kill and re-issue until the run ends by itself; then compare its result."""
        in_vain = 0
        while in_vain < _IN_VAIN:
            ended = self._life(self._trial.start(self._workspace), victims)
            if self._struck:
                self._blamed = self._tallies[min(self._struck, key=VICTIMS.index)]  # who ends a run, first
            if ended.code == 0:
                self._trial.verify(self._workspace, self._blamed)
                return
            if not _is_to_be_expected(ended, self._struck):
                in_vain += 1
                self._blamed.complain(
                    f"after {self._struck or 'nothing'} it ended with {ended.code}: {tail(ended.said)}"
                )
            self._blamed.reissued += 1
        self._blamed.lost += 1

    def _life(self, run: Run, victims: deque[str]) -> Ended:
        """Follow one driver to its end, with a kill at each random moment."""
        self._struck = []
        self._tallies["driver"].orphans += self._trial.orphans(*self._left)
        self._left = (None, [])
        while victims and not run.wait(self._trial.pause()) and not run.is_late:
            if self._strikes(run, victims[0]):
                self._struck.append(victims[0])
                self._tallies[victims.popleft()].count += 1
        return run.ended()

    def _strikes(self, run: Run, victim: str) -> bool:
        """Kill a driver, one of its workers, or its server, as soon as there is one; say whether there was."""
        while not run.wait(0.02) and not run.is_late:
            server, workers = self._trial.server(run), self._trial.workers(run)
            if victim == "driver":
                self._left = (server, workers)
                run.process.kill()
                return True
            found = workers if victim == "worker" else [server] if server else []
            if found and kill(self._trial.random.choice(found)):
                return True
        return False


def _is_to_be_expected(ended: Ended, struck: list[str]) -> bool:
    """Say whether a driver may end like this: killed, or with a failed stage because a worker was."""
    if "Traceback" in ended.said:
        return False
    if "driver" in struck:
        return ended.code == -9
    return "worker" in struck and ended.code == 1 and " failed: the stage's process ended " in ended.said


def starvings(trial: Trial, count: int) -> Tally:
    """Let memory run out for one running stage: it alone fails, and says so; re-issued, the run ends well."""
    tally = Tally("memory runs out for a stage")
    for _ in range(_ATTEMPTS * count):
        if tally.count == count:
            break
        with trial.workspace() as workspace, _memory_group() as group:
            if group is None:
                tally.skipped = "needs root and a memory control group"
                return tally
            ended = _starve(trial, trial.start(workspace), group)
            if not _killed_in(group):
                continue  # no stage asked for memory in time
            tally.count += 1
            if ended.code != 1 or "SIGKILL (out of memory" not in ended.said or "Traceback" in ended.said:
                tally.complain(f"out of memory, it ended with {ended.code}: {tail(ended.said)}")
            trial.finish(workspace, tally)
    return tally


def _starve(trial: Trial, run: Run, group: Path) -> Ended:
    """Move workers, from a random moment on, into a group that has no memory to give, until one is killed."""
    trial.wait_for_work(run, trial.random.randint(1, trial.stages))
    while not _killed_in(group) and not run.wait(0.02) and not run.is_late:
        for worker in trial.workers(run):
            try:
                (group / "cgroup.procs").write_text(str(worker.pid))
            except OSError:  # it has just ended
                continue
    _limit(group).write_text("-1" if _limit(group).name == "memory.limit_in_bytes" else "max")
    return run.ended()


@contextmanager
def _memory_group() -> Iterator[Path | None]:
    """Give a control group that has no memory to give, of version 1 or 2; None where none can be made."""
    old = (_GROUPS / "memory" / "cgroup.procs").exists()
    group = (_GROUPS / "memory" if old else _GROUPS) / f"leaven-faults-{os.getpid()}"
    try:
        group.mkdir()
        _limit(group).write_text(str(_SPARE_BYTES))
    except OSError:
        if group.exists():
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        group.rmdir()


def _limit(group: Path) -> Path:
    old = group / "memory.limit_in_bytes"
    return old if old.exists() else group / "memory.max"


def _killed_in(group: Path) -> int:
    """Return how many processes of a group were killed because memory ran out."""
    for file in (group / "memory.oom_control", group / "memory.events"):
        if file.exists():
            counts = dict(line.split() for line in file.read_text().splitlines())
            return int(counts.get("oom_kill", 0))
    return 0
