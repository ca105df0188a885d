"""What a training in two processes costs a step beside one process: DDP and ZeRO-3 over gloo, on this machine's CPUs.

    python benchmarks/launched.py [--rows 128] [--batch 16] [--rounds 3] [--presets ddp zero3]

The pocket's model, float32, one thread a process; every side trains the same rows in the same steps, so each of two
processes has half of the rows of a step. Printed of each side: milliseconds a step (its runtime by its steps, from the
log of the artefact), the overhead a step (beyond half of what one process takes, since two cores could do no better),
seconds beside the steps (starting, importing, gathering, saving), and by how much the last loss differs. No goal: the
model is so small that a step is mostly talk between processes.
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

PROCESSES = 2
ALONE = "one process"
Measured = dict[str, float]


def main() -> None:
    """Run the rounds, each side in a process of its own, and print medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--presets", nargs="+", default=["ddp", "zero3"])
    parser.add_argument("--side", help="measure this one alone, here")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(measure(given.side, given.rows, given.batch)))
        return
    rounds = []
    for number in range(given.rounds):
        rounds.append({side: _apart(side, given) for side in (ALONE, *given.presets)})
        print(f"round {number + 1}: " + ", ".join(f"{side} {one['ms']:.0f} ms" for side, one in rounds[-1].items()))
    show(rounds)


def _apart(side: str, given: argparse.Namespace) -> Measured:
    words = [sys.executable, __file__, "--side", side, "--rows", str(given.rows), "--batch", str(given.batch)]
    threads = str(PROCESSES) if side != ALONE else "1"  # which its ranks share
    said = subprocess.run(
        words, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": threads}
    )
    found: Measured = json.loads(said.stdout.splitlines()[-1])
    return found


def measure(side: str, rows: int, batch: int) -> Measured:
    """Train once; return milliseconds a step, the seconds beside the steps, and the last loss."""
    from leaven.models import ref
    from leaven.stages import training

    base = ref.resolve({"model_name_or_path": "pocket"})
    with tempfile.TemporaryDirectory() as folder:
        encoded, out = Path(folder) / "encoded", Path(folder) / "out"
        encode(base, encoded, rows)
        out.mkdir()
        given = {"learning_rate": 1e-3, "num_train_epochs": 3, "per_device_train_batch_size": batch, "max_length": 512}
        around: dict[str, Any] = {"report_to": "none", "logging_steps": 1}
        if side != ALONE:
            around["launch"] = {"preset": side, "processes": PROCESSES}
        args = {"model": base.as_args(), "seed": 0, "trainer": {"name": "sft", "args": given}, "around": around}
        began = time.monotonic()
        facts = training.train(args, {"encoded": encoded, "base": Path(str(base.path))}, out)
        took = time.monotonic() - began
        log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    runtime = log[-1]["train_runtime"]
    return {"ms": 1000 * runtime / facts["steps"], "beside_s": took - runtime, "loss": facts["final_loss"]}


def encode(base: Any, folder: Path, rows: int) -> None:
    """Write encoded rows of the pocket."""
    import pyarrow.parquet as pq

    from leaven import rows as tables
    from leaven.data import chat
    from leaven.data.canonical import Slice, canonical
    from leaven.models import load
    from leaven.registry import Step

    made = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=rows), "error")
    shown = chat.demonstrations([row for part in made for row in part.rows], "preferences")
    told = chat.encode(load.tokenizer(base), shown, chat.Loss())
    lines = [{"id": row.id, "input_ids": row.input_ids, "labels": row.labels} for row in told]
    folder.mkdir()
    pq.write_table(tables.table("encoded", lines), folder / "encoded.parquet")


def show(rounds: list[dict[str, Measured]]) -> None:
    """Print the medians of all rounds."""
    alone = statistics.median(one[ALONE]["ms"] for one in rounds)
    print(f"\n{'':12} {'ms a step':>10} {'of one':>7} {'overhead':>9} {'beside, s':>10} {'loss apart':>11}")
    for side in rounds[0]:
        ms = statistics.median(one[side]["ms"] for one in rounds)
        beside = statistics.median(one[side]["beside_s"] for one in rounds)
        apart = max(abs(one[side]["loss"] - one[ALONE]["loss"]) / one[ALONE]["loss"] for one in rounds)
        over = "" if side == ALONE else f"{ms - alone / PROCESSES:.1f} ms"
        print(f"{side:12} {ms:10.1f} {ms / alone:7.2f} {over:>9} {beside:10.1f} {apart:11.1e}")


if __name__ == "__main__":
    main()
