"""How fast five answers to each of 200 prompts are sampled, beside one `model.generate` for each answer.

    python benchmarks/samples.py [--model pocket] [--rounds 3] [--prompts 200] [--samples 5] [--max-new-tokens 32]

Goal on 2 cores: at least 6 times as fast, in float32. Every answer has all its tokens (nothing ends it), so both sides
write equally many. Both work from the same ids with one model in one process, turn by turn; the ratio is taken within
rounds. One by one is measured on the first ``--alone`` answers and scaled to all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as workers of a run have it

from leaven.data.chat import prompt_ids
from leaven.generate import hf
from leaven.models import load, ref
from leaven.pocket.corpora import corpus


def main() -> None:
    """Run the rounds and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="pocket", help="`pocket`, or the folder of a model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--alone", type=int, default=100, help="how many are written one by one")
    given = parser.parse_args()
    template = None if given.model == "pocket" else "plain"
    base = ref.resolve({"model_name_or_path": given.model, "chat_template_path": template, "pad_token": "<unk>"}
                       if template else {"model_name_or_path": given.model})  # fmt: skip
    model, tokenizer = load.causal_lm(base).eval(), load.tokenizer(base)
    asked = [[{"role": "user", "content": row["question"]}] for row in corpus("eli5")[: given.prompts]]
    prompts = [
        hf.Prompt(f"q-{number}", sample, ids)
        for number, ids in enumerate(prompt_ids(tokenizer, asked))
        for sample in range(given.samples)
    ]
    decoding = hf.Decoding(given.max_new_tokens, {"temperature": 0.9, "top_p": 0.95}, 0, ())
    ratios = [_round(model, tokenizer, prompts, decoding, given.alone) for _ in range(given.rounds)]
    print(f"\n{len(asked)} prompts x {given.samples} answers of {given.max_new_tokens} tokens by {given.model}: "
          f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})")  # fmt: skip


def _round(model: Any, tokenizer: Any, prompts: list[hf.Prompt], decoding: hf.Decoding, alone: int) -> float:
    """Return how many times as fast all answers are written together; prints both times."""
    made, ours = _timed(lambda: list(hf.generate(model, tokenizer, prompts, decoding)))
    assert {one["tokens"] for one in made} == {decoding.max_new_tokens}, "an answer ended early"
    few, loop = _timed(lambda: [_alone(model, one, decoding) for one in prompts[:alone]])
    scaled = loop * len(prompts) / len(few)
    print(f"together {ours:.2f} s, one by one {scaled:.1f} s, ratio {scaled / ours:.1f}", flush=True)
    return scaled / ours


def _timed(work: Callable[[], list[Any]]) -> tuple[list[Any], float]:
    begun = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begun


def _alone(model: Any, prompt: hf.Prompt, decoding: hf.Decoding) -> int:
    """Write one answer by the stock ``generate``, all of its tokens; return how many."""
    import torch

    ids, limit = torch.tensor([prompt.ids]), decoding.max_new_tokens
    with torch.inference_mode():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, **decoding.sampling,
            min_new_tokens=limit, max_new_tokens=limit, pad_token_id=0,
        )  # fmt: skip
    return int(made.shape[1] - ids.shape[1])


if __name__ == "__main__":
    main()
