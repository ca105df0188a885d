"""How fast 4,096 short texts are written under control tokens, beside one `model.generate` for each.

    python benchmarks/control.py [--model pocket] [--rounds 3] [--texts 4096] [--max-new-tokens 24] [--alone 128]

Goal on 2 cores: at least 8 times as fast, sampled (top_p 0.9), in float32. Four conditions of one attribute pair share
the texts. Both sides write from the same ids with one model in one process, turn by turn; the ratio is taken within
rounds. One by one is measured on the first ``--alone`` texts and scaled to all. Texts cannot be equal, as the stock
sampler's noise belongs to no row, so tokens a text are compared; greedy texts of the first ones are, and end the
benchmark where they differ.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as workers of a run have it

import numpy as np

from leaven.data.front import control_ids
from leaven.generate import conditioned, hf
from leaven.models import load, ref

TOKENS = ("<|nontoxic|>", "<|toxic|>", "<|neg|>", "<|pos|>")
CONDITIONS = {f"{one}{other}": (one, other) for one in TOKENS[:2] for other in TOKENS[2:]}
SAMPLED = {"top_p": 0.9}
CHECKED = 32  # texts whose greedy versions are compared


def main() -> None:
    """Run the rounds and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="pocket", help="`pocket`, or the folder of a model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=4096)
    parser.add_argument("--max-new-tokens", type=int, default=24)
    parser.add_argument("--alone", type=int, default=128, help="how many are written one by one")
    given = parser.parse_args()
    model, tokenizer, stops = _model(given.model)
    items = {f"sample-{number:05d}": "" for number in range(given.texts // len(CONDITIONS))}
    prompts = conditioned.asked(tokenizer, items, CONDITIONS, samples=1, place="after", mark="@@")
    banned, limit = control_ids(tokenizer, TOKENS), given.max_new_tokens
    _compare(model, tokenizer, prompts[:CHECKED], hf.Decoding(limit, {"do_sample": False}, 0, stops, banned))
    decoding = hf.Decoding(limit, SAMPLED, 0, stops, banned)
    ours, loop, rounds = [], [], range(given.rounds)
    for number in rounds:
        written, spent = _timed(lambda: list(hf.generate(model, tokenizer, prompts, decoding)))
        alone, few = _timed(lambda: [_alone(model, tokenizer, one, decoding) for one in prompts[: given.alone]])
        scaled = few * len(prompts) / len(alone)
        ours.append(spent)
        loop.append(scaled)
        tokens = statistics.mean(one["tokens"] for one in written), statistics.mean(len(one) for one in alone)
        print(f"round {number + 1}: {spent[0]:.2f} s ({tokens[0]:.1f} tokens a text), one by one {scaled[0]:.1f} s "
              f"({tokens[1]:.1f} tokens a text), ratio {scaled[0] / spent[0]:.1f}", flush=True)  # fmt: skip
    print(
        f"\n{len(prompts)} sampled texts of at most {limit} tokens under {len(CONDITIONS)} conditions by {given.model}"
    )
    for place, unit in enumerate(("s", "s of the CPU")):
        fast, slow = [one[place] for one in ours], [one[place] for one in loop]
        ratio = statistics.median(slow[number] / fast[number] for number in rounds)
        print(
            f"median {statistics.median(fast):.2f} {unit}, one by one {statistics.median(slow):.1f}, ratio {ratio:.1f}"
        )


def _timed(work: Callable[[], list[Any]]) -> tuple[list[Any], np.ndarray]:
    """Return what comes out, and the seconds that it took by the clock and of the CPU (steadier on a busy machine)."""
    clock, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, np.array([time.perf_counter() - clock, time.process_time() - cpu])


def _model(name: str) -> tuple[Any, Any, list[int]]:
    base = ref.resolve({"model_name_or_path": name, "chat_template_path": None if name == "pocket" else "plain"})
    grown = replace(base, added_tokens=TOKENS)
    model, tokenizer = load.causal_lm(grown), load.tokenizer(grown)
    return model.eval(), tokenizer, load.stop_ids(tokenizer, model.generation_config)


def _alone(model: Any, tokenizer: Any, prompt: hf.Prompt, decoding: hf.Decoding) -> list[int]:
    """Return the ids of one text by the stock ``generate``, as long as ours would count it."""
    import torch

    ids = torch.tensor([prompt.ids])
    drawn = {} if decoding.sampling.get("do_sample") is False else {"do_sample": True, "top_k": 0}
    how = {**drawn, **decoding.sampling, "max_new_tokens": decoding.max_new_tokens}
    with torch.inference_mode():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), suppress_tokens=list(decoding.banned),
            eos_token_id=list(decoding.stop_ids), pad_token_id=tokenizer.pad_token_id, **how,
        )  # fmt: skip
    told = made[0, len(prompt.ids) :].tolist()
    return told[:-1] if told[-1] in decoding.stop_ids else told


def _compare(model: Any, tokenizer: Any, prompts: list[hf.Prompt], decoding: hf.Decoding) -> None:
    ours = {one["prompt_id"]: one["text"] for one in hf.generate(model, tokenizer, prompts, decoding)}
    for one in prompts:
        text = tokenizer.decode(_alone(model, tokenizer, one, decoding), skip_special_tokens=True).strip()
        if text != ours[one.item]:
            raise SystemExit(f"{one.item} differs: {ours[one.item]!r}, one by one {text!r}")


if __name__ == "__main__":
    main()
