"""How fast supervised fine-tuning is: Leaven's trainer beside a bare PyTorch loop and TRL, on the same rows.

    python benchmarks/training.py [pairs.jsonl.gz] [--rows 240] [--rounds 3] [--threads 1]

Goals: at least 0.9 of the bare loop, at least 1.5 times TRL at its defaults. The model is the pocket's; the rows are
the chosen answers of HH-RLHF pairs, if a file of them is given, else those of the pocket. Each round measures each side
in a process of its own, one after another; ratios are taken within rounds.

    bare      forward, backward, clip, AdamW, linear schedule over the very batches that Leaven makes
    leaven    the whole of the trainer `sft`, with TensorBoard, checkpoints, proofs and the artefact's writing
    no-tb     the same with report_to: none
    trl       SFTTrainer at its defaults: random order, bf16, activation checkpointing, entropy in the log
    trl-32    SFTTrainer in float32 without activation checkpointing, else at its defaults

Loading the model and tokenising are not measured; `bare` and `leaven` must come to the same loss. Ratios of CPU time
stand beside those of wall time: they say more while other programs keep the cores busy.
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
from pathlib import Path
from typing import Any

from leaven.engine.warm import NAMES, preload

SEED, BATCH, LEARNING_RATE, LONGEST = 0, 8, 1e-3, 512
Measured = dict[str, float]


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", nargs="?", default="")
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=sorted(SIDES), help="measure this one alone, here")
    given = parser.parse_args()
    if given.side:
        print(json.dumps(_measure(given.side, given.pairs, given.rows, given.threads)))
        return
    words = [sys.executable, __file__, *filter(None, [given.pairs]), "--rows", str(given.rows)]
    words += ["--threads", str(given.threads), "--side"]
    rounds = []
    for number in range(given.rounds):
        rounds.append({side: _apart([*words, side]) for side in SIDES})
        print(f"round {number + 1}: " + ", ".join(f"{side} {one['rate']:.0f}" for side, one in rounds[-1].items()))
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
    for below, goal in (("bare", "goal 0.9"), ("no-tb", "goal 0.97"), ("trl", "goal 1.5"), ("trl-32", "")):
        wall, cpu = ([one["leaven"][by] / one[below][by] for one in rounds] for by in ("rate", "per_cpu"))
        print(f"leaven / {below:8} {statistics.median(wall):6.2f}  ({min(wall):.2f} - {max(wall):.2f})  {goal}; "
              f"by CPU time {statistics.median(cpu):.2f}")  # fmt: skip
    losses = [(one["bare"]["loss"], one["leaven"]["loss"]) for one in rounds]
    assert all(math.isclose(bare, ours, rel_tol=1e-4) for bare, ours in losses), f"not the same training: {losses}"


def _measure(side: str, pairs: str, count: int, threads: int) -> Measured:
    import torch

    from leaven.models import load, ref

    torch.set_num_threads(threads)
    base = ref.resolve({"model_name_or_path": "pocket"})
    shown, rows = _rows(load.tokenizer(base), pairs, count)
    tokens = sum(map(len, rows["input_ids"]))
    _import_all()
    with tempfile.TemporaryDirectory() as out:
        watch, loss = SIDES[side](base, rows, shown, Path(out))
    return {"rate": tokens / watch.wall, "per_cpu": tokens / watch.cpu, "loss": loss, "tokens": tokens}


def _import_all() -> None:
    """Import what a run's server has imported before it forks, and hide it from the collector as the server does."""
    preload(NAMES)
    importlib.import_module("leaven.train.trainers.sft")


class _Watch:
    """Wall and CPU seconds since it was made, taken by ``stop``."""

    wall = cpu = 0.0

    def __init__(self) -> None:
        self._begun, self._used = time.monotonic(), time.process_time()

    def stop(self) -> _Watch:
        self.wall, self.cpu = time.monotonic() - self._begun, time.process_time() - self._used
        return self


def _rows(tokenizer: Any, pairs: str, count: int) -> tuple[Any, Any]:
    """Return the demonstrations that are short enough as messages, and the same as ids and labels."""
    from datasets import Dataset

    from leaven.data import canonical, chat
    from leaven.registry import Step

    source, format_step = (pairs, Step(name="hh")) if pairs else ("pocket:webgpt", Step(name="webgpt"))
    made = canonical.canonical(source, format_step, canonical.Slice(take=2 * count), "drop")
    shown = chat.demonstrations([row for batch in made for row in batch.rows], "preferences")
    encoded = chat.encode(tokenizer, shown, chat.Loss())
    kept = [(row, one) for row, one in zip(shown, encoded, strict=True) if len(one.input_ids) <= LONGEST][:count]
    ids = {"input_ids": [one.input_ids for _, one in kept], "labels": [one.labels for _, one in kept]}
    return [{"prompt": row["prompt"], "completion": row["completion"]} for row, _ in kept], Dataset.from_dict(ids)


def _bare(base: Any, rows: Any, shown: Any, out: Path) -> tuple[_Watch, float]:
    import torch

    from leaven.models import load
    from leaven.train.trainers.sampler import SeededSampler

    model = load.causal_lm(base).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    order = list(SeededSampler([len(ids) for ids in rows["input_ids"]], BATCH, SEED, group_by_length=True))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    lines, losses = [(row["input_ids"], row["labels"]) for row in rows], torch.zeros(())
    watch = _Watch()
    for step, batch in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / len(batches))
        loss = model(**_padded([lines[index] for index in batch])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses += loss.detach()
    return watch.stop(), float(losses) / len(batches)


def _padded(batch: list[tuple[list[int], list[int]]]) -> dict[str, Any]:
    import torch

    longest = max(len(ids) for ids, _ in batch)
    fill = [longest - len(ids) for ids, _ in batch]
    return {
        "input_ids": torch.tensor([ids + [0] * more for (ids, _), more in zip(batch, fill, strict=True)]),
        "labels": torch.tensor([labels + [-100] * more for (_, labels), more in zip(batch, fill, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - more) + [0] * more for more in fill]),
    }


def _leaven(base: Any, rows: Any, shown: Any, out: Path, **more: Any) -> tuple[_Watch, float]:
    from leaven.models import load
    from leaven.registry import TRAINERS
    from leaven.train.job import Job

    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    args = {"learning_rate": LEARNING_RATE, "num_train_epochs": 1, "per_device_train_batch_size": BATCH, **more}
    job = Job(out, SEED, tokenizer, base.as_args(), load.stop_ids(tokenizer, model.generation_config))
    watch = _Watch()
    TRAINERS.get("sft").call(job, model, rows, args=args)
    watch.stop()
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return watch, log[-1]["train_loss"]


def _untold(base: Any, rows: Any, shown: Any, out: Path) -> tuple[_Watch, float]:
    return _leaven(base, rows, shown, out, report_to="none")


def _trl(base: Any, rows: Any, shown: Any, out: Path, **more: Any) -> tuple[_Watch, float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from leaven.models import load

    arguments = SFTConfig(
        output_dir=str(out), num_train_epochs=1, learning_rate=LEARNING_RATE, use_cpu=True, seed=SEED,
        save_strategy="no", disable_tqdm=True, **more,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=load.causal_lm(base), args=arguments, train_dataset=Dataset.from_list(shown),
        processing_class=load.tokenizer(base),
    )  # fmt: skip
    theirs = sum(map(len, trainer.train_dataset["input_ids"]))
    assert theirs == sum(map(len, rows["input_ids"])), "TRL trains the same tokens"
    watch = _Watch()
    trainer.train()
    return watch.stop(), trainer.state.log_history[-1]["train_loss"]


def _trl_exact(base: Any, rows: Any, shown: Any, out: Path) -> tuple[_Watch, float]:
    return _trl(base, rows, shown, out, bf16=False, gradient_checkpointing=False)


SIDES: dict[str, Callable[..., tuple[_Watch, float]]] = {
    "bare": _bare, "leaven": _leaven, "no-tb": _untold, "trl": _trl, "trl-32": _trl_exact,
}  # fmt: skip


if __name__ == "__main__":
    main()
