"""How fast 500 answers are generated, beside the one-by-one loop of `transformers.pipeline("text-generation")`.

    python benchmarks/generation.py [--model pocket] [--rounds 3] [--answers 500] [--max-new-tokens 64]

Goal on 2 cores: at least 8 times as fast, greedy, in float32, with equal texts. Both sides answer the same prompts with
one model in one process, turn by turn; the ratio is taken within rounds. Texts that differ end the benchmark.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: as workers of a run have it

from leaven.data import chat
from leaven.generate import hf
from leaven.models import load, ref
from leaven.pocket.corpora import corpus


def main() -> None:
    """Run the rounds and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="pocket", help="`pocket`, or the folder of a model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--answers", type=int, default=500)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    given = parser.parse_args()
    model, tokenizer, stops = _model(given.model)
    texts = _prompts(tokenizer, given.answers)
    ours, loop = [], []
    for number in range(given.rounds + 1):  # the first round warms up and is not counted
        begun = time.perf_counter()
        batched = _batched(model, tokenizer, texts, stops, given.max_new_tokens)
        between = time.perf_counter()
        one_by_one = _one_by_one(model, tokenizer, texts, stops, given.max_new_tokens)
        ended = time.perf_counter()
        _compare(batched, one_by_one)
        if number:
            ours.append(between - begun)
            loop.append(ended - between)
            print(f"round {number}: {ours[-1]:.2f} s, one by one {loop[-1]:.2f} s, ratio {loop[-1] / ours[-1]:.1f}")
    ratios = [slow / fast for slow, fast in zip(loop, ours, strict=True)]
    middle = statistics.median(ratios)
    print(f"\n{given.answers} greedy answers of at most {given.max_new_tokens} tokens by {given.model}, texts equal")
    print(f"median {statistics.median(ours):.2f} s, one by one {statistics.median(loop):.2f} s, ratio {middle:.1f}")


def _model(name: str) -> tuple[Any, Any, list[int]]:
    base = ref.resolve({"model_name_or_path": name, "chat_template_path": None if name == "pocket" else "plain"})
    model, tokenizer = load.causal_lm(base), load.tokenizer(base)
    return model, tokenizer, load.stop_ids(tokenizer, model.generation_config)


def _prompts(tokenizer: Any, count: int) -> list[str]:
    """Return that many rendered prompts, all of them different: questions about the embedded world."""
    questions = [row["question"] for row in corpus("eli5")]
    questions += [row["question"]["full_text"] for row in corpus("webgpt")]
    different = list(dict.fromkeys(questions))
    asked = [different[n % len(different)] + " " * (n // len(different)) for n in range(count)]
    return [chat.render(tokenizer, [{"role": "user", "content": text}], add_generation_prompt=True) for text in asked]


def _batched(model: Any, tokenizer: Any, texts: list[str], stops: list[int], limit: int) -> list[str]:
    ids = chat.ids(tokenizer, texts)
    prompts = [hf.Prompt(str(number), 0, one) for number, one in enumerate(ids)]
    made = hf.generate(model, tokenizer, prompts, hf.Decoding(limit, {"do_sample": False}, 0, stops))
    return [one["text"] for one in sorted(made, key=lambda one: int(one["prompt_id"]))]


def _one_by_one(model: Any, tokenizer: Any, texts: list[str], stops: list[int], limit: int) -> list[str]:
    from transformers import pipeline

    answer = pipeline("text-generation", model=model, tokenizer=tokenizer)
    asked = {"do_sample": False, "eos_token_id": stops, "max_new_tokens": limit, "return_full_text": False}
    return [answer(text, add_special_tokens=False, **asked)[0]["generated_text"].strip() for text in texts]


def _compare(batched: list[str], one_by_one: list[str]) -> None:
    different = [pair for pair in zip(batched, one_by_one, strict=True) if pair[0] != pair[1]]
    if different:
        raise SystemExit(f"{len(different)} of {len(batched)} texts differ, first: {different[0]}")


if __name__ == "__main__":
    main()
