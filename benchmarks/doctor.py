"""How long the doctor takes over rows of a real length, without loading weights.

    python benchmarks/doctor.py [ROWS]

Rows are conversations of the pocket's sentences, one to three questions each; the goal is 10,000 of them in 20 s on two
cores. `cpu` is the process's own time, whatever else the machine does; the last run shows what of it are imports.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from leaven.doctor import Asked, diagnose
from leaven.pocket.corpora import corpus

ROWS = 10_000
GOAL_S = 20.0


def write(file: Path, rows: int) -> None:
    """Write conversations of one to three questions, about as long as those of HH."""
    said = [str(row["conversations"][-1]) for row in corpus("lima")]
    drawn = random.Random(0)
    with file.open("w", encoding="utf-8") as out:
        for _ in range(rows):
            turns = 2 * drawn.randint(1, 3)
            talk = [
                {"role": ("user", "assistant")[turn % 2], "content": " ".join(drawn.choices(said, k=2))}
                for turn in range(turns)
            ]
            out.write(json.dumps({"messages": talk}) + "\n")


def main() -> None:
    """Examine a sound model, and one whose pad token is EOS, and print how long each took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"goal: {GOAL_S:.0f} s for {ROWS:,} rows")
    print(f"{'model':>14} {'rows':>8} {'tokens':>10} {'seconds':>8} {'cpu':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "talk.jsonl"
        write(file, rows)
        for name, more in (("pad of its own", {}), ("pad is EOS", {"pad_token": "</s>"}), ("again", {})):
            started = time.process_time()
            found = diagnose(Asked(model="pocket", data=str(file), max_length=100_000, **more))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            counts = found.counts
            print(f"{name:>14} {counts['rows']:>8,} {counts['tokens']:>10,} {found.seconds:>8.1f} "
                  f"{time.process_time() - started:>6.1f} {peak:>8.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
