"""Seconds and peak memory of the statistics on 1,000,000 measurements: 6 arms, 3 seeds, 20 metrics.

    python benchmarks/answers.py [measurements]

The table is made here: half of the metrics are outcomes of 0 and 1, a quarter are scores, a quarter are counts with
many ties; half of the metrics have their items in four groups. Every part is timed in a process of its own, so that
its peak memory (VmHWM) is its own; "table" is what making and holding the measurements takes. Goal: `analyse`, which is
all that an answer rests on, in at most 30 s and 2 GB on 2 cores. With one seed the tests for these models are
offered, with ten the bootstrap.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from leaven.stats import effects, inference, table
from leaven.stats.analyse import analyse
from leaven.stats.claims import Claim
from leaven.stats.compare import comparisons
from leaven.stats.questions import Questions

ARMS, SEEDS, METRICS, GROUPS = 6, 3, 20, 4
BASELINE = "arm0"


def main() -> None:
    """Print one line per part, or run the one that is named."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        one(size, sys.argv[2])
        return
    print(f"{'part':>9}  {'seconds':>8}  {'CPU s':>8}  {'peak MiB':>8}  what")
    for part in PARTS:
        subprocess.run([sys.executable, __file__, str(size), part], check=True)


def one(size: int, part: str) -> None:
    """Run one part in this process and print what it took."""
    do, seeds = PARTS[part]
    measurements = made(size, seeds)
    start, worked = time.perf_counter(), time.process_time()
    what = do(measurements)
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    print(f"{part:>9}  {seconds:8.1f}  {worked:8.1f}  {peak():8,.0f}  {what}", flush=True)


def made(size: int, seeds: int) -> pd.DataFrame:
    """Return so many measurements, in the long table's columns."""
    draw = np.random.default_rng(0)
    n_items = round(size / (ARMS * seeds * METRICS))
    arm, seed, item = (code.ravel() for code in np.meshgrid(*map(np.arange, (ARMS, seeds, n_items)), indexing="ij"))
    ids = np.array([f"suite-of-prompts/{number:06d}" for number in range(n_items)], dtype=object)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "arm": np.array([f"arm{number}" for number in range(ARMS)], dtype=object)[arm],
                    "dose": 0.1 * arm,
                    "seed": seed,
                    "suite": f"suite{number % 4}",
                    "metric": f"metric{number:02d}",
                    "group": np.array([f"g{k}" for k in range(GROUPS)], dtype=object)[item % GROUPS]
                    if number % 2
                    else None,
                    "item_id": ids[item],
                    "sample": 0,
                    "value": outcome(number % 4, arm, item, draw),
                }
            )
            for number in range(METRICS)
        ],
        ignore_index=True,
    )


def outcome(kind: int, arm: np.ndarray, item: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return outcomes of 0 and 1 (kinds 0 and 1), scores, or counts."""
    level = 0.1 * arm + np.sin(item) + draw.normal(size=len(arm))
    if kind < 2:
        return (level > 0.5).astype(float)
    return level if kind == 2 else np.round(2 * level)


def compared(measurements: pd.DataFrame) -> str:
    """Make all comparisons, and say how many."""
    asked = Questions(
        to=BASELINE, dose="p", primary=["metric00"], margin={"metric00": 0.05}, greedy=set(measurements["suite"])
    )
    found = comparisons(list(table.cubes(measurements)), table.arms_of(measurements), asked)
    seeds = measurements["seed"].nunique()
    return f"{len(found):,} comparisons, {seeds} {'seed' if seeds == 1 else 'seeds'}"


def analysed(measurements: pd.DataFrame) -> str:
    """Make everything that an answer rests on: comparisons, fits, groups, evaluators, gate, claims."""
    asked = Questions(
        to=BASELINE, dose="p", primary=["metric00"], margin={"metric00": 0.05}, coherence={"metric02": 0.1},
        evaluators={"one": ["metric00", "metric04"]}, better={"suite2/metric02": "lower"},
        claims=[Claim("Nothing changes.", "arm1", "metric00", "same", 0.05)],
    )  # fmt: skip
    found, more = analyse(measurements, asked)
    return f"{len(found):,} comparisons, {len(more.fits)} fits, {len(more.heterogeneity)} tests of groups"


def estimated(measurements: pd.DataFrame) -> str:
    """Estimate every difference, and nothing more."""
    known = [
        inference.estimate(effects.contrast(cube, effects.difference(arm.name, BASELINE)))
        for cube in table.cubes(measurements)
        for arm in cube.arms
        if arm.name != BASELINE
    ]
    return f"{len(known):,} differences"


def peak() -> float:
    """Return this process's peak memory in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("there is no VmHWM")


PARTS: dict[str, tuple[Callable[[pd.DataFrame], str], int]] = {
    "table": (lambda rows: f"{len(rows):,} measurements", SEEDS),
    "analyse": (analysed, SEEDS),
    "cubes": (lambda rows: f"{sum(1 for _ in table.cubes(rows)):,} columns", SEEDS),
    "estimates": (estimated, SEEDS),
    "compare": (compared, SEEDS),
    "one seed": (compared, 1),
    "ten seeds": (compared, 10),
}


if __name__ == "__main__":
    main()
