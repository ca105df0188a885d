"""How long a person waits before anything happens: help, check, plan; medians of whole processes.

    python benchmarks/startup.py [runs]

Goals on 2 cores: `leaven --help` at most 0.3 s, `leaven check` at most 1 s (and without torch, which a test holds).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "leaven --help": ["-c", "from leaven.cli import main; main()", "--help"],
    "leaven check quickstart": ["-c", "from leaven.cli import main; main()", "check", "quickstart"],
    "leaven plan quickstart": ["-c", "from leaven.cli import main; main()", "plan", "quickstart", "--workspace"],
}


def seconds(words: list[str]) -> float:
    """Return the wall time of one process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Run the commands in turn, so that a slow moment of the machine hits all of them."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as empty:
        for _ in range(runs + 1):
            for name, words in COMMANDS.items():
                times[name].append(seconds([*words, empty] if words[-1] == "--workspace" else words))
    for name, taken in times.items():
        counted = taken[1:]  # the first round warms the file cache
        print(f"{name:26} median {statistics.median(counted):.2f} s   ({min(counted):.2f} - {max(counted):.2f})")


if __name__ == "__main__":
    main()
