"""What it saves to have 16 requests in flight, and what a crash costs, on the fake server with 50 ms latency.

    python benchmarks/served.py [--requests 320] [--rounds 3] [--latency 0.05]

Goals: 16 in flight at least 8 times as fast as one after another; a ranking that is killed by ``kill -9`` and begun
again sends no finished request a second time. The server is a process of its own. Both sides ask the same questions by
the same door, turn by turn; the ratio is taken within rounds. Replies that differ end the benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaven.generate.asked import Request
from leaven.generate.openai import ask
from leaven.generate.replies import Journal
from leaven.server import Server


def main() -> None:
    """Run the rounds, then the crash, and print what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--asking", nargs=2, metavar=("URL", "JOURNAL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asking:
        _ask(given.asking[0], given.requests, Path(given.asking[1]), 16)
        return
    with tempfile.TemporaryDirectory() as folder:
        _speed(given.requests, given.rounds, given.latency, Path(folder))
        _crash(given.requests, given.latency, Path(folder))


def _speed(count: int, rounds: int, latency: float, folder: Path) -> None:
    at_once, one_by_one = [], []
    with _fake(latency) as url:
        for number in range(rounds + 1):  # the first round warms up and is not counted
            few = count if number else 32
            begun = time.perf_counter()
            many = _ask(url, few, folder / f"many-{number}", 16)
            between = time.perf_counter()
            single = _ask(url, few, folder / f"single-{number}", 1)
            ended = time.perf_counter()
            if many != single:
                raise SystemExit("the replies differ")
            if number:
                at_once.append(between - begun)
                one_by_one.append(ended - between)
                print(f"round {number}: {at_once[-1]:.2f} s, one by one {one_by_one[-1]:.2f} s, "
                      f"ratio {one_by_one[-1] / at_once[-1]:.1f}")  # fmt: skip
        most = _counts(url)["most_in_flight"]
    ratios = [slow / fast for slow, fast in zip(one_by_one, at_once, strict=True)]
    print(f"\n{count} requests, {latency * 1000:g} ms latency, at most {most} in flight, replies equal")
    print(f"median {statistics.median(at_once):.2f} s, one by one {statistics.median(one_by_one):.2f} s, "
          f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")  # fmt: skip


def _crash(count: int, latency: float, folder: Path) -> None:
    """Kill whoever asks after a third of the answers; ask again, and count at the server."""
    journal = folder / "crashed"
    with _fake(latency) as url:
        command = [sys.executable, __file__, "--requests", str(count), "--asking", url, str(journal)]
        asking = subprocess.Popen(command)
        while _counts(url)["answered"] < count // 3:
            time.sleep(0.01)
        os.kill(asking.pid, signal.SIGKILL)
        asking.wait()
        time.sleep(4 * latency)  # what was in flight comes in at the server
        kept, before = len(Journal(journal).parts), _counts(url)["asked"]
        _ask(url, count, journal, 16)
        after = _counts(url)["asked"]
    again = after - before - (count - kept)
    print(f"\nkilled after {before} requests with {kept} replies kept; then {after - before} were sent for the "
          f"{count - kept} that were missing: {again} finished ones again")  # fmt: skip
    if again:
        raise SystemExit(1)


def _ask(url: str, count: int, journal: Path, in_flight: int) -> list[tuple[str, ...]]:
    asked = [
        Request(f"q{n}", [{"role": "user", "content": f"Rank the answers to question {n}."}]) for n in range(count)
    ]
    found = ask(Server(model="fake", base_url=url, max_concurrency=in_flight), asked, journal)
    return [one.texts for one in found.values()]


@contextmanager
def _fake(latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "leaven.generate.fake", "--port", "0", "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.terminate()


def _counts(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as reply:  # noqa: S310 - our own server
        counts: dict[str, int] = json.load(reply)
    return counts


if __name__ == "__main__":
    main()
