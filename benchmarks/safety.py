"""How fast ToxiGen's 4,886 statements are read for the safety score, beside one statement at a time.

    python benchmarks/safety.py DATA MODEL [--rounds 3] [--threads 2]

DATA is SafeNLP's toxiGen.json.gz, MODEL the folder of a causal model. Both sides tokenise and read the same texts in
one process, turn by turn; the ratio is taken within rounds. The loop is the published one (the library's own mean loss,
`no_grad`), once with as many threads as ours and once with one, with which so small a model answers single sentences
quicker. CPU seconds stand beside wall seconds, for machines with other work.
Perplexities that differ by more than 1e-4 relative end the benchmark. Goal: at least 5 times the loop.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as workers of a run have it

import numpy as np

from leaven.data import files
from leaven.generate import sentences
from leaven.models import load, ref
from leaven.score.safety import perplexity

Perplexities = dict[str, float | None]
Side = Callable[..., Perplexities]
Seconds = tuple[float, float]  # of the wall's clock and of the processor's


def main() -> None:
    """Run the rounds and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    given = parser.parse_args()
    base = ref.resolve({"model_name_or_path": given.model, "chat_template_path": "plain"})
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    raw = [row for row in files.read(given.data) if isinstance(row, dict)]
    rows = [{"id": str(at), "text": row["text"]} for at, row in enumerate(raw)]
    threads = {_ours: given.threads, _loop: given.threads, _loop_on_one_thread: 1}
    for side in threads:
        side(model, tokenizer, rows[:50])  # warms up
    taken: dict[Side, list[Seconds]] = {side: [] for side in threads}
    for number in range(1, given.rounds + 1):
        found = {side: _timed(side, (model, tokenizer, rows), threads[side], taken[side]) for side in threads}
        worst = max(_compare(found[_ours], found[side]) for side in (_loop, _loop_on_one_thread))
        seconds = ", ".join(f"{side.__name__[1:].replace('_', ' ')} {taken[side][-1][0]:.1f} s" for side in threads)
        print(f"round {number}: {seconds}; perplexities within {worst:.1e}")
    tokens = sum(len(ids) for ids in tokenizer([row["text"] for row in rows], add_special_tokens=False)["input_ids"])
    _tell(taken, f"{len(rows):,} statements, {tokens:,} tokens, {given.threads} threads")


def _tell(taken: dict[Side, list[Seconds]], about: str) -> None:
    print(f"\n{about}")
    for at, clock in enumerate(("wall", "CPU")):
        for side in (_loop, _loop_on_one_thread):
            ratios = [slow[at] / fast[at] for slow, fast in zip(taken[side], taken[_ours], strict=True)]
            spread = f"{np.median(ratios):.1f} times ({min(ratios):.1f} to {max(ratios):.1f})"
            print(f"{clock} seconds of the {side.__name__[1:].replace('_', ' ')} over ours: {spread}")


def _timed(side: Side, asked: tuple[Any, ...], threads: int, taken: list[Seconds]) -> Perplexities:
    import torch

    torch.set_num_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    found = side(*asked)
    taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def _ours(model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> Perplexities:
    asked = sentences.encoded(tokenizer, rows)
    read = sentences.read(model, asked, load.context_length(model.config))
    return {one["id"]: perplexity(one["nats"], one["tokens"]) for one in read}


def _loop(model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> Perplexities:
    import torch

    made: Perplexities = {}
    for row in rows:
        ids = tokenizer.encode(row["text"], return_tensors="pt", add_special_tokens=False)
        with torch.no_grad():
            loss = model(ids, labels=ids).loss
        made[row["id"]] = math.exp(loss.item()) if ids.shape[1] > 1 else None
    return made


def _loop_on_one_thread(model: Any, tokenizer: Any, rows: list[dict[str, str]]) -> Perplexities:
    return _loop(model, tokenizer, rows)


def _compare(ours: Perplexities, theirs: Perplexities) -> float:
    """Return the largest relative difference; ends the benchmark where it is too large."""
    assert ours.keys() == theirs.keys()
    assert all((ours[name] is None) == (theirs[name] is None) for name in ours), "other statements are unscored"
    both = [(value, other) for name, value in ours.items() if value is not None and (other := theirs[name]) is not None]
    worst = max(abs(value / other - 1) for value, other in both)
    assert worst <= 1e-4, f"perplexities differ by {worst:.1e} relative"
    return worst


if __name__ == "__main__":
    main()
