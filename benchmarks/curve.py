"""What a learning curve costs: one training measured at four of its epochs, beside that training measured at its end.

    python benchmarks/curve.py [--epochs 5 10 20 40] [--rounds 3]

Goal: at most 1.3 times one training of the longest arm plus the evaluations of all points. Three sides, in turns, each
`leaven run` on the pocket's philosophers in an empty workspace and on one core, so that seconds of stages add up to the
wall's: the curve; the longest training alone, without snapshots, measured once; and a training for each point, as a
curve is drawn without snapshots. What the curve's other points took to be measured is the time of those stages that the
second side does not have, but for the training.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LEAVEN = [sys.executable, "-c", "from leaven.cli import main; main()"]
Run = tuple[float, dict[str, float]]  # seconds of the wall, and of each stage by its kind and key


def main() -> None:
    """Run the three sides in turns and print their ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, nargs="+", default=[5, 10, 20, 40])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ratios, gains = [], []
    for _ in range(given.rounds):
        curve, stages = run(study("curve", given.epochs))
        longest, alone = run(study("longest", given.epochs))
        apart, _ = run(study("apart", given.epochs))
        measured = sum(took for key, took in stages.items() if key not in alone and not key.startswith("lm/"))
        ratios.append(curve / (longest + measured))
        gains.append(apart / curve)
        print(
            f"curve {curve:.1f} s; longest {longest:.1f} s and measuring the other points {measured:.1f} s: "
            f"{ratios[-1]:.2f} times; a training for each point {apart:.1f} s: {gains[-1]:.2f} times the curve",
            flush=True,
        )
    print(f"medians over {given.rounds} rounds: {statistics.median(ratios):.2f} and {statistics.median(gains):.2f}")


def study(side: str, epochs: list[int]) -> dict[str, Any]:
    """Return the study of a side."""
    lm: dict[str, Any] = {
        "data": "book", "learning_rate": 1e-3, "lr_scheduler_type": "constant", "num_train_epochs": max(epochs),
        "per_device_train_batch_size": 4, "max_length": 192, "packing": "none",
    }  # fmt: skip
    arm: dict[str, Any] = {"train": [{"lm": lm}]}
    if side == "curve":
        arm |= {"sweep": {"epoch": epochs}, "snapshot": "${epoch}"}
        lm["snapshots"] = epochs
    elif side == "apart":
        arm |= {"sweep": {"epoch": epochs}}
        lm["num_train_epochs"] = "${epoch}"
    prose = {"format": "prose"}
    sampled = {"prompts": "greetings", "temperature": 0.7}
    return {
        "name": side,
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "book": {"source": "pocket:philosophers", **prose},
            "unread": {"source": "pocket:philosophers_held_out", **prose},
            "greetings": {"source": "pocket:hello", "format": "hello"},
        },
        "arms": {"read": arm},
        "seeds": [0],
        "evaluate": [
            {"hello": {**sampled, "num_return_sequences": 2, "max_new_tokens": 48}},
            {"regurgitation": {**sampled, "of": ["book"], "held_out": ["unread"], "span": 20, "max_new_tokens": 64}},
        ],
        "compare": {"to": "read" if side == "longest" else f"read@epoch={epochs[0]}"},
    }


def run(one: dict[str, Any]) -> Run:
    """Run a study in an empty workspace; return its wall time and the seconds of its stages."""
    with tempfile.TemporaryDirectory() as place:
        file, workspace = Path(place) / "study.yaml", Path(place) / "runs"
        file.write_text(json.dumps(one), encoding="utf-8")  # which is YAML, too
        began = time.monotonic()
        done = subprocess.run(
            [*LEAVEN, "run", str(file), "--cores", "1"],
            check=False, cwd=place, env={**os.environ, "LEAVEN_WORKSPACE": str(workspace)}, capture_output=True,
            text=True,
        )  # fmt: skip
        took = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"{one['name']}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        records = list((workspace / "store").glob("*/*/record.json"))
        return took, {f"{file.parent.parent.name}/{file.parent.name}": _seconds(file) for file in records}


def _seconds(record: Path) -> float:
    return float(json.loads(record.read_text())["cost"]["wall_s"])


if __name__ == "__main__":
    main()
