"""How long the quickstart takes from an empty workspace, how busy it keeps the cores, and what a second run costs.

    python benchmarks/quickstart.py [--rounds 3] [--study quickstart]

Goals on 2 cores: cold at most 180 s, the second run at most 3 s, cores busy above 85 % while trainings wait. Each round
runs the study with all cores, again, and with one core in another workspace; ratios are taken within rounds. What
other programs computed meanwhile is printed: it is missing in the share of busy cores, and a run beside others proves
nothing about the goals.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil

from leaven import workspace
from leaven.engine.machine import this_machine
from leaven.engine.nearest import cost_of

LEAVEN = [sys.executable, "-c", "from leaven.cli import main; main()"]
TRAINING = "leaven.stages:train"
_EVERY_S = 0.1


def main() -> None:
    """Run the rounds and print what they came to, one line a quantity."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--study", default="quickstart")
    given = parser.parse_args()
    rounds: list[dict[str, float]] = []
    for number in range(given.rounds):
        with tempfile.TemporaryDirectory() as place:
            rounds.append(_round(given.study, Path(place)))
        print(f"round {number + 1}: " + ", ".join(f"{name} {value:.2f}" for name, value in rounds[-1].items()))
    print(f"\n{given.study} on {this_machine().cores} cores, {given.rounds} rounds")
    for name in rounds[0]:
        taken = [one[name] for one in rounds]
        print(f"{name:42} median {statistics.median(taken):8.2f}   ({min(taken):.2f} - {max(taken):.2f})")


def _round(study: str, place: Path) -> dict[str, float]:
    cores = this_machine().cores
    cold, again = _run(study, place / "all", cores), _run(study, place / "all", cores)
    alone = _run(study, place / "one", 1)
    records = _records(place / "all")
    wall = {"cold, s": cold.wall, "second run, s": again.wall, "cold on one core, s": alone.wall}
    return {**wall, "one core / all cores": alone.wall / cold.wall, **_division(cold, records), **_busy(cold, records)}


@dataclass(frozen=True)
class _Ran:
    """A run of the command: when it began and ended, and samples of (time, its CPU seconds, the machine's)."""

    begun: float
    ended: float
    samples: list[tuple[float, float, float]]

    @property
    def wall(self) -> float:
        return self.ended - self.begun

    def computed(self, since: float, until: float) -> tuple[float, float]:
        """Return the CPU seconds of the run and of the whole machine in a window, by the samples nearest to it."""
        first, last = (min(self.samples, key=lambda one: abs(one[0] - moment)) for moment in (since, until))
        return last[1] - first[1], last[2] - first[2]


def _run(study: str, place: Path, cores: int) -> _Ran:
    begun = time.time()
    words = [*LEAVEN, "run", study, "--workspace", str(place), "--cores", str(cores)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    samples: list[tuple[float, float, float]] = []
    watch = threading.Thread(target=_watch, args=(psutil.Process(process.pid), samples), daemon=True)
    watch.start()
    said, _ = process.communicate()
    ended = time.time()
    watch.join()
    if process.returncode != 0:
        raise SystemExit(f"the run ended with exit code {process.returncode}: {said[-2000:]}")
    return _Ran(begun, ended, samples)


def _watch(driver: psutil.Process, samples: list[tuple[float, float, float]]) -> None:
    """Sample until the driver is gone. A process that was waited for counts among its parent's children, once."""
    while driver.is_running() and driver.status() != psutil.STATUS_ZOMBIE:
        try:
            total = sum(_cpu_s(one) for one in [driver, *driver.children(recursive=True)])
        except psutil.NoSuchProcess:  # one ended between the listing and the look: look again
            continue
        machine = psutil.cpu_times()
        samples.append((time.time(), total, machine.user + machine.nice + machine.system))
        time.sleep(_EVERY_S)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _records(place: Path) -> list[dict[str, Any]]:
    store = workspace.store(place)
    return [record for kind in store.root.iterdir() if kind.is_dir() for record in store.records(kind.name)]


def _division(ran: _Ran, records: list[dict[str, Any]]) -> dict[str, float]:
    """Say where the time of a run goes: before, in and after its stages, and by kind of stage."""
    starts = [record["cost"]["started"] for record in records]
    ends = [begun + record["cost"]["wall_s"] for begun, record in zip(starts, records, strict=True)]
    kinds: dict[str, float] = {}
    for record in records:
        kinds[record["kind"]] = kinds.get(record["kind"], 0.0) + cost_of(record)["wall_s"]
    steps = sorted([(moment, 1) for moment in starts] + [(moment, -1) for moment in ends])
    return {
        "before the first stage, s": min(starts) - ran.begun,
        "from the first stage to the last, s": max(ends) - min(starts),
        "after the last stage, s": ran.ended - max(ends),
        "sum of stages, wall s": sum(kinds.values()),
        **{f"  of which {kind}, wall s": kinds[kind] for kind in sorted(kinds, key=lambda kind: -kinds[kind])},
        "stages side by side, mean": sum(kinds.values()) / (max(ends) - min(starts)),
        "stages side by side, most": max(accumulate(change for _, change in steps)),
    }


def _busy(ran: _Ran, records: list[dict[str, Any]]) -> dict[str, float]:
    """Say how busy the cores were while trainings waited: from the first training's start to the last one's."""
    trainings = [record["cost"]["started"] for record in records if record["verb"] == TRAINING]
    since, until = min(trainings), max(trainings)
    ours, machine = ran.computed(since, until)
    given = (until - since) * this_machine().cores
    left = given - (machine - ours)
    return {
        "while trainings wait, s": until - since,
        "  cores busy with this run, %": 100 * ours / given,
        "  cores busy with other programs, %": 100 * (machine - ours) / given,
        "  of what others left it, %": 100 * ours / left,
        "CPU seconds of the run": ran.samples[-1][1],
    }


if __name__ == "__main__":
    main()
