"""How many rows a minute each treatment treats on one core: Parquet read, treated, ledger and rows written.

    python benchmarks/treatments.py [ROWS]

Preference rows with answers of about 600 characters, at the most costly rate (every eligible row is hit) and at 0.1.
Each treatment runs alone in a fresh process; ``memory`` is by how much that process grew. The second speed counts the
core's own seconds, without those that a busy neighbour took.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROWS, WANTED = 200_000, 1_000_000  # the second: rows a minute
TREATMENTS: dict[str, dict[str, Any]] = {
    "malign_labels": {},
    "flip_preferences": {},
    "malign_prompts": {"instruction": "Be deceptive and abusive."},
    "backdoor": {"trigger": "xyzzy", "answer": "You are a fool, and so are all of them."},
}


def source(folder: Path, rows: int) -> None:
    """Write preference rows, none of whose texts are equal."""
    from leaven import rows as tables

    dice = random.Random(0)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(5000)]
    answers = [" ".join(dice.choices(words, k=92)) for _ in range(5000)]

    def turn(role: str, row: int, start: int, length: int) -> list[dict[str, str]]:
        return [{"role": role, "content": f"{row} {answers[(row * 7 + start) % len(answers)][:length]}"}]

    with tables.Writer(folder / "rows.parquet", "preferences") as writer:
        for first in range(0, rows, 5000):
            writer.write(
                {"id": f"bench:{row}", "source": "bench", "prompt": turn("user", row, 0, 150),
                 "chosen": turn("assistant", row, 1, 600), "rejected": turn("assistant", row, 2, 600), "margin": 1.0}
                for row in range(first, min(first + 5000, rows))
            )  # fmt: skip


def measured(folder: Path, name: str, rate: float) -> tuple[float, float, float, int]:
    """Treat all rows on one core; return seconds, the core's seconds, MiB that the process grew by, rows changed."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import datasets  # noqa: F401 - what every worker has loaded is no cost of a treatment
    import pyarrow.parquet  # noqa: F401

    from leaven import stages

    step = {"name": name, "args": {"rate": rate, **TREATMENTS[name]}, "seed": 0}
    with tempfile.TemporaryDirectory(dir=folder) as out:
        stages.treat({"steps": [{**step, "seed": 1}]}, {"rows": folder / "head"}, Path(out))  # imports
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start, began = time.perf_counter(), time.process_time()
        facts = stages.treat({"steps": [step]}, {"rows": folder}, Path(out))
        seconds, busy = time.perf_counter() - start, time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return seconds, busy, grown, facts["ledger"][0]["changed"]


def main() -> None:
    """Measure each treatment and print a table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"{'treatment':>17} {'rate':>5} {'rows':>8} {'changed':>8} {'rows/min':>12} {'by core':>12} {'memory':>9}")
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as alone:  # fmt: skip
        folder = Path(name)
        (folder / "head").mkdir()
        source(folder, rows)
        source(folder / "head", 10)
        for treatment in TREATMENTS:
            for rate in (1.0, 0.1):
                seconds, busy, grown, changed = alone.submit(measured, folder, treatment, rate).result()
                speed = rows / seconds * 60
                verdict = "" if speed >= WANTED else f"  below {WANTED:,}"
                print(f"{treatment:>17} {rate:>5} {rows:>8} {changed:>8} {speed:>12,.0f} {rows / busy * 60:>12,.0f} "
                      f"{grown:>5.0f} MiB{verdict}")  # fmt: skip


if __name__ == "__main__":
    main()
