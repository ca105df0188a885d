"""One issue of the command under faults: how it is followed to its end, and what a fault came to."""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass
class Tally:
    """What a fault came to; ``unclean`` counts tracebacks, wrong exit codes and hanging drivers."""

    fault: str
    count: int = 0
    reissued: int = 0
    twice: int = 0
    lost: int = 0
    wrong: int = 0
    orphans: int = 0
    unclean: int = 0
    skipped: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether everything went as promised."""
        return not (self.twice or self.lost or self.wrong or self.orphans or self.unclean)

    def complain(self, said: str) -> None:
        """Note that something was not as a person should see it."""
        self.unclean += 1
        self.notes.append(said)


@dataclass(frozen=True)
class Ended:
    """How a command ended: ``code`` is None if it hung and was ended by us."""

    code: int | None
    said: str

    @property
    def is_one_clean_line(self) -> bool:
        """Whether it ended with exit code 1, one line that says why, and no traceback."""
        errors = [line for line in self.said.splitlines() if line.startswith("error: ")]
        return self.code == 1 and len(errors) == 1 and "Traceback" not in self.said


class Run:
    """A command under way."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, limit_s: float):
        self.process, self._log = process, log
        self._deadline = time.monotonic() + limit_s

    def wait(self, timeout: float) -> bool:
        """Wait until it ends or the time is over; say whether it has ended."""
        try:
            self.process.wait(min(timeout, max(0.0, self._deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            return False
        return True

    @property
    def is_late(self) -> bool:
        """Whether it has had more time than any sound run takes."""
        return time.monotonic() > self._deadline

    def ended(self) -> Ended:
        """Wait for the end; what hangs is asked where it hangs, and ended."""
        if not self.wait(float("inf")):
            return Ended(None, self._hanging())
        return Ended(self.process.returncode, self._log.read_text(errors="replace"))

    def _hanging(self) -> str:
        """End what hangs; return where it hung, and what its processes did then."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        seen = [_looks(one) for one in family if is_alive(one)]
        self.process.send_signal(signal.SIGABRT)  # faulthandler says where it hangs
        self.process.wait()
        _, _, where = self._log.read_text(errors="replace").partition("Current thread")
        return "\n".join([" <- ".join(line.strip() for line in where.splitlines()[1:8]), *seen])


def tail(said: str) -> str:
    """Return the last lines of what a command said, on one line."""
    return " | ".join(said.strip().splitlines()[-4:])[-1200:]


def is_alive(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _looks(one: psutil.Process) -> str:
    """Say what a process does at this moment."""
    try:
        threads = [f"{thread.user_time:.0f}" for thread in one.threads()]
        asleep_in = Path(f"/proc/{one.pid}/wchan").read_text()
        return f"{one.pid} of {one.ppid()}: {one.status()} in {asleep_in}, CPU seconds of threads {threads}"
    except (psutil.Error, OSError):
        return f"{one.pid}: gone"
