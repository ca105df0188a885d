"""The pocket's malign-labels by Leaven beside the same arms as separate scripts, one after another.

    python benchmarks/arms.py [--seeds 1] [--rounds 1]

Goal: at least 4 times. The scripts are what a researcher writes today (`one_arm.py`: TRL, generate, rouge-score), one
process for each arm and seed, started one after another; Leaven runs the study from an empty workspace on all cores.
Both sides run in turns; each has the same rows, hyper-parameters, prompts and limits. What differs is Leaven's own:
shared stages, no imports for each arm, trainings side by side, batches for answers of different limits, its trainer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leaven import verbs
from leaven.study.matrix import cells

SCRIPT = Path(__file__).with_name("one_arm.py")
LEAVEN = [sys.executable, "-c", "from leaven.cli import main; main()"]


def main() -> None:
    """Run both sides in turns and print their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    ratios = []
    for _ in range(given.rounds):
        ours, theirs = _leaven(given.seeds), _scripts(given.seeds)
        ratios.append(theirs / ours)
        print(f"leaven {ours:.1f} s, separate scripts {theirs:.1f} s: {ratios[-1]:.2f} times", flush=True)
    print(f"median {statistics.median(ratios):.2f} times over {given.rounds} rounds, {given.seeds} seeds")


def _leaven(seeds: int) -> float:
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        command = [*LEAVEN, "run", "malign-labels", "--profile", "pocket", "--set", f"seeds={list(range(seeds))}"]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        return time.monotonic() - began


def _scripts(seeds: int) -> float:
    """Run a script for each cell of the study; what the last one measured is printed, to be looked at."""
    study = verbs.load("malign-labels", "pocket", [f"seeds={list(range(seeds))}"])
    spent = 0.0
    for cell, last in zip(wanted := cells(study), itertools.chain([False] * (len(wanted) - 1), [True]), strict=True):
        rate = cell.arm.params["p"]
        words = ["--rate", str(rate), "--seed", str(cell.effective)]
        words += ["--published"] if cell.arm.stem == "as_published" else []
        with tempfile.TemporaryDirectory() as place:
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, str(SCRIPT), *words], cwd=place, check=True, capture_output=True, text=True
            )
            spent += time.monotonic() - began
        if last:
            print(json.loads(done.stdout.strip().splitlines()[-1]))
    return spent


if __name__ == "__main__":
    main()
