"""One study under faults: start its command, watch what it computes, find its processes, compare its result."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from command import Run, Tally, is_alive, tail

HOOKS = Path(__file__).parent / "hooks"
WITNESS = "LEAVEN_FAULTS_WITNESS"
_SERVER = "leaven.engine.server"
_COMMAND = "from leaven.cli import main; main()"
_ATTEMPTS = 4  # re-issues after which a run counts as lost
_ORPHANS_S = 5.0
_IMPORTING_S = 60.0  # a server hears of its driver's death when it has imported what it is to import


class Trial:
    """A study's command in one workspace after another, with what an uninterrupted run of it gives."""

    def __init__(self, study: str | Path, scratch: Path, seed: int):
        self.study, self.scratch, self.random = str(study), scratch, random.Random(seed)
        self.took_s, self._count = 600.0, 0
        scratch.mkdir(parents=True, exist_ok=True)
        self.witness = scratch / "witness.txt"
        self.reference = self.fresh()
        begun = time.monotonic()
        ended = self.start(self.reference).ended()
        assert ended.code == 0, ended.said
        self.took_s = time.monotonic() - begun
        self._wanted, self.stages = self.measured(self.reference), len(set(self.seen())) // 2
        assert self._wanted is not None, ended.said

    def fresh(self) -> Path:
        """Return a workspace that is not there yet."""
        self._count += 1
        self.forget_what_was_seen()
        return self.scratch / f"runs-{self._count}"

    def forget_what_was_seen(self) -> None:
        """Begin a new count of what stages do."""
        self.witness.unlink(missing_ok=True)

    def start(self, workspace: Path, verb: str = "run", what: str | None = None, **environment: str) -> Run:
        """Issue the command; its output goes to a file beside the workspaces."""
        self._count += 1
        log = self.scratch / f"said-{self._count}.txt"
        about = {"PYTHONPATH": str(HOOKS), WITNESS: str(self.witness), "PYTHONFAULTHANDLER": "1", "COLUMNS": "200"}
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, verb, what or self.study, "--workspace", str(workspace)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **about, **environment},
                start_new_session=True,
            )
        return Run(process, log, 120 + 15 * self.took_s)

    def pause(self) -> float:
        """Return a random time to the next fault: several fit into one run."""
        return self.random.expovariate(1 / max(1.0, 0.12 * self.took_s))

    def finish(self, workspace: Path, tally: Tally, **environment: str) -> None:
        """Re-issue the command until it ends well, and compare its result."""
        for _ in range(_ATTEMPTS):
            tally.reissued += 1
            ended = self.start(workspace, **environment).ended()
            if ended.code == 0:
                self.verify(workspace, tally)
                return
            tally.complain(f"re-issued, it ended with {ended.code}: {tail(ended.said)}")
        tally.lost += 1

    def verify(self, workspace: Path, tally: Tally) -> None:
        """Compare a finished run with the uninterrupted one, and count what it made twice."""
        if not self.is_right(workspace):
            tally.wrong += 1
            tally.notes.append("measurements.parquet differs from the uninterrupted run's")
        tally.twice += self.made_twice()

    def is_right(self, workspace: Path) -> bool:
        """Say whether what a workspace answers is what the uninterrupted run answered."""
        return self.measured(workspace) == self._wanted or self._is_equal(workspace)

    def measured(self, workspace: Path) -> bytes | None:
        """Return the measurements of a workspace, None if there are none."""
        found = list(workspace.glob("*/measurements.parquet"))
        return found[0].read_bytes() if len(found) == 1 else None

    def _is_equal(self, workspace: Path) -> bool:
        import pandas as pd

        try:
            frames = [pd.read_parquet(next(one.glob("*/measurements.parquet"))) for one in (workspace, self.reference)]
        except (StopIteration, OSError, ValueError):
            return False
        by = ["arm", "seed", "suite", "metric", "item_id", "sample"]
        frames = [frame.sort_values(by).reset_index(drop=True) for frame in frames]
        return bool(frames[0].equals(frames[1]))

    def seen(self) -> list[tuple[str, str]]:
        """Return what stages did since the workspace was fresh: ``begin`` or ``commit``, and the key."""
        if not self.witness.exists():
            return []
        lines = self.witness.read_text().splitlines()
        return [(line.split()[0], line.split()[1]) for line in lines]

    def made_twice(self) -> int:
        """Return how many results were put in place more than once."""
        return sum(times - 1 for times in Counter(key for what, key in self.seen() if what == "commit").values())

    def wait_for_work(self, run: Run, least: int = 1) -> bool:
        """Wait until a run has begun so many stages; say whether it is still under way then."""
        while len([1 for what, _ in self.seen() if what == "begin"]) < least:
            if run.wait(0.02) or run.is_late:
                return False
        return run.process.poll() is None

    def server(self, run: Run) -> psutil.Process | None:
        """Return the warm server of a driver."""
        return next((one for one in self._ours() if _parent(one) == run.process.pid), None)

    def workers(self, run: Run) -> list[psutil.Process]:
        """Return the workers, those whose server is gone too."""
        return [one for one in self._ours() if _parent(one) not in (run.process.pid, None)]

    def _ours(self) -> Iterator[psutil.Process]:
        for one in psutil.process_iter():
            try:
                ours = _SERVER in one.cmdline() and one.environ().get(WITNESS) == str(self.witness)
            except psutil.Error:
                continue
            if ours and is_alive(one):
                yield one

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Give a workspace that is not there yet; afterwards end what runs in it, and remove it."""
        workspace = self.fresh()
        try:
            yield workspace
        finally:
            for one in self._ours():
                kill(one)
            shutil.rmtree(workspace, ignore_errors=True)

    def orphans(self, server: psutil.Process | None, workers: list[psutil.Process]) -> int:
        """Return how many processes outlive a driver that was just killed by too much."""
        family = [(one, _ORPHANS_S) for one in workers] + ([(server, _IMPORTING_S)] if server else [])
        begun = time.monotonic()
        while any(is_alive(one) and time.monotonic() - begun < limit for one, limit in family):
            time.sleep(0.02)
        return sum(is_alive(one) for one, _ in family)


def kill(one: psutil.Process) -> bool:
    """SIGKILL a process; say whether it was still there."""
    try:
        one.kill()
    except psutil.Error:
        return False
    return True


def _parent(one: psutil.Process) -> int | None:
    try:
        return one.ppid()
    except psutil.Error:
        return None
