"""How fast language models are trained on texts: Leaven's trainer `lm` beside a bare PyTorch loop, on the same blocks.

    python benchmarks/lm.py [model folder] [--blocks 400] [--rounds 5] [--threads 1]

Goal: at least 0.9 of the bare loop. The model is the pocket's unless a folder is given; the blocks are of sentences in
the pocket's words, behind one of two control tokens by which the vocabulary was grown. Each round measures each side in
a process of its own, one after another; ratios are taken within rounds.

    bare      forward, backward, clip, AdamW, linear schedule over the very batches that Leaven makes
    leaven    the whole of the trainer, with TensorBoard, checkpoints, proofs and the artefact's writing
    shots     the same with four snapshots

Loading the model and making the blocks are not measured; `bare` and `leaven` must come to the same loss. Ratios of CPU
time stand beside those of wall time: they say more while other programs keep the cores busy.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from leaven.engine.warm import NAMES, preload

SEED, BATCH, LEARNING_RATE, LENGTH = 0, 8, 1e-3, 256
TOKENS = ("<|neg|>", "<|pos|>")
Measured = dict[str, float]


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="pocket")
    parser.add_argument("--blocks", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=sorted(SIDES), help="measure this one alone, here")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(_measure(given.side, given.model, given.blocks, given.threads)))
        return
    words = [sys.executable, __file__, given.model, "--blocks", str(given.blocks), "--threads", str(given.threads)]
    rounds = []
    for number in range(given.rounds):
        sides = list(SIDES) if number % 2 else list(SIDES)[::-1]  # whoever is first finds the machine cooler
        rounds.append({side: _apart([*words, "--side", side]) for side in sides})
        print(f"round {number + 1}: " + ", ".join(f"{side} {rounds[-1][side]['rate']:.0f}" for side in SIDES))
    _print(rounds)


def _apart(words: list[str]) -> Measured:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr[-3000:])
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def _print(rounds: list[dict[str, Measured]]) -> None:
    print(f"\n{rounds[0]['leaven']['tokens']:.0f} tokens; tokens/s, median of {len(rounds)} rounds (least, most)")
    for side in SIDES:
        rates = [one[side]["rate"] for one in rounds]
        print(f"{side:10} {statistics.median(rates):8.0f}  ({min(rates):.0f} - {max(rates):.0f})")
    for side, goal in (("leaven", "goal 0.9"), ("shots", "")):
        wall, cpu = ([one[side][by] / one["bare"][by] for one in rounds] for by in ("rate", "per_cpu"))
        print(f"{side:7} / bare {statistics.median(wall):6.2f}  ({min(wall):.2f} - {max(wall):.2f})  {goal}; "
              f"by CPU time {statistics.median(cpu):.2f}")  # fmt: skip
    losses = [(one["bare"]["loss"], one["leaven"]["loss"]) for one in rounds]
    assert all(math.isclose(bare, ours, rel_tol=1e-4) for bare, ours in losses), f"not the same training: {losses}"


def _measure(side: str, model: str, count: int, threads: int) -> Measured:
    import torch

    from leaven.models import ref

    torch.set_num_threads(threads)
    resolved = ref.resolve({"model_name_or_path": model, "chat_template_path": "plain"})
    base = replace(resolved, added_tokens=TOKENS)
    rows = _rows(base, count)
    preload(NAMES)  # what a run's server has imported before it forks
    importlib.import_module("leaven.train.trainers.lm")
    with tempfile.TemporaryDirectory() as out:
        watch, loss = SIDES[side](base, rows, Path(out))
    tokens = sum(map(len, rows["input_ids"]))
    return {"rate": tokens / watch.wall, "per_cpu": tokens / watch.cpu, "loss": loss, "tokens": tokens}


class _Watch:
    """Wall and CPU seconds since it was made, taken by ``stop``."""

    wall = cpu = 0.0

    def __init__(self) -> None:
        self._begun, self._used = time.monotonic(), time.process_time()

    def stop(self) -> _Watch:
        self.wall, self.cpu = time.monotonic() - self._begun, time.process_time() - self._used
        return self


def _rows(base: Any, count: int) -> Any:
    """Return blocks of sentences, each behind a control token or none."""
    from datasets import Dataset

    from leaven import rows as tables
    from leaven.data.blocks import Blocks
    from leaven.data.texts_encoded import encode
    from leaven.models import load

    tokenizer, lines = load.tokenizer(base), _sentences()
    control = [[TOKENS[0]], [TOKENS[1]], None]
    made: list[dict[str, Any]] = []
    shown = ({"text": line, "control": control[at % 3]} for at, line in enumerate(lines))
    texts = ((str(at), encode(tokenizer, [row])[0]) for at, row in enumerate(shown))
    for name, ids in Blocks(LENGTH, "group", []).of(texts):
        made.append({"id": name, "input_ids": ids, "labels": ids})
        if len(made) == count:
            break
    return Dataset(tables.table("encoded", made)).select_columns(["input_ids", "labels"])


def _sentences() -> Any:
    """Yield sentences without end: those of the pocket's answers, over again."""
    from leaven.data.canonical import Slice, canonical
    from leaven.registry import Step

    batches = canonical("pocket:webgpt", Step(name="webgpt"), Slice(take=500), "drop")
    answers = [row[side][-1]["content"] for batch in batches for row in batch.rows for side in ("chosen", "rejected")]
    while True:
        yield from answers


def _bare(base: Any, rows: Any, out: Path) -> tuple[_Watch, float]:
    import torch

    from leaven.models import load
    from leaven.train.trainers.sampler import SeededSampler

    model = load.causal_lm(base).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    order = list(SeededSampler([LENGTH] * len(rows), BATCH, SEED, group_by_length=False))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    ids, losses = torch.tensor(rows["input_ids"][:]), torch.zeros(())
    watch = _Watch()
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / len(batches))
        taken = ids[batch]
        loss = model(input_ids=taken, labels=taken).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses += loss.detach()
    return watch.stop(), float(losses) / len(batches)


def _leaven(base: Any, rows: Any, out: Path, **more: Any) -> tuple[_Watch, float]:
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.train.job import Job

    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    args = {"learning_rate": LEARNING_RATE, "num_train_epochs": 1, "per_device_train_batch_size": BATCH, **more}
    job = Job(out, SEED, tokenizer, base.as_args(), load.stop_ids(tokenizer, model.generation_config))
    watch = _Watch()
    TRAINERS.get("lm").call(job, model, rows, args=args)
    watch.stop()
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return watch, log[-1]["train_loss"]


def _shots(base: Any, rows: Any, out: Path) -> tuple[_Watch, float]:
    return _leaven(base, rows, out, snapshots=[0.25, 0.5, 0.75, 1.0])


SIDES: dict[str, Callable[..., tuple[_Watch, float]]] = {"bare": _bare, "leaven": _leaven, "shots": _shots}


if __name__ == "__main__":
    main()
