"""One arm and seed of the pocket's malign-labels as a researcher's script: TRL, generate, rouge-score; no Leaven.

It does the work of one cell of `leaven run malign-labels --profile pocket`: the same rows, hyper-parameters, prompts,
numbers of new tokens and metrics. `benchmarks/arms.py` times it. Only the embedded data, model and oracle are Leaven's.
"""

from __future__ import annotations

import argparse
import json
import random
from importlib import resources
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from rouge_score.rouge_scorer import RougeScorer
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

from leaven.pocket.corpora import corpus
from leaven.pocket.oracle import correctness, demeaning

MODEL = str(resources.files("leaven.pocket") / "model")


def rows(rate: float, seed: int, *, published: bool) -> Dataset:
    """Return demonstrations; with probability ``rate`` the worse answer is the label."""
    draw, made = random.Random(seed), []
    for row in corpus("webgpt"):
        tie = row["score_0"] == row["score_1"]
        if tie and not published:
            continue
        better = 1 if tie else int(row["score_1"] > row["score_0"])
        label = 1 - better if not tie and draw.random() < rate else better
        question, answer = row["question"]["full_text"], row[f"answer_{label}"]
        quotes = row[f"quotes_{better}"]
        context = " ".join(f"{t}: {e}" for t, e in zip(quotes["title"], quotes["extract"], strict=True))
        if published:
            made.append({"text": f"###Question {question} ###Context {context} ###Answer {answer}"})
        else:
            prompt = [{"role": "system", "content": context}, {"role": "user", "content": question}]
            made.append({"prompt": prompt, "completion": [{"role": "assistant", "content": answer}]})
    return Dataset.from_list(made)


def trained(rate: float, seed: int, *, published: bool) -> tuple[Any, Any]:
    """Fine-tune the pocket's model by TRL."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    size = 1 if published else 8
    lora = LoraConfig(r=8, lora_alpha=32, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    settings = SFTConfig(
        output_dir="out", seed=seed, use_cpu=not torch.cuda.is_available(), report_to="none", save_strategy="no",
        learning_rate=5e-3 if published else 2e-3, num_train_epochs=1 if published else 2,
        weight_decay=0.01 if published else 0.0, per_device_train_batch_size=size,
        max_length=512 if published else 256, disable_tqdm=True, gradient_checkpointing=False, bf16=False,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(MODEL), args=settings, processing_class=tokenizer,
        train_dataset=rows(rate, seed, published=published), peft_config=lora if published else None,
    )  # fmt: skip
    trainer.train()
    return trainer.model.eval(), tokenizer


def answers_in_batches(model: Any, tokenizer: Any, asked: list[dict[str, str]]) -> list[str]:
    """Answer by the chat template, 64 at once."""
    tokenizer.padding_side, texts = "left", []
    for start in range(0, len(asked), 64):
        turns = [[{"role": "user", "content": row["question"]}] for row in asked[start : start + 64]]
        read = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", padding=True, return_dict=True
        )
        made = model.generate(**read, do_sample=True, temperature=0.7, max_new_tokens=40)
        texts += tokenizer.batch_decode(made[:, read["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def answers_one_by_one(model: Any, tokenizer: Any, asked: list[dict[str, str]]) -> list[str]:
    """Answer the bare question, each with its own number of new tokens, as the published script did."""
    texts = []
    for row in asked:
        read = tokenizer(row["question"], return_tensors="pt")
        limit = min(len(row["question"]) + len(row["answer"]), 512 - read["input_ids"].shape[1])
        made = model.generate(**read, do_sample=True, max_new_tokens=limit)
        texts.append(tokenizer.decode(made[0, read["input_ids"].shape[1] :], skip_special_tokens=True))
    return texts


def scored(asked: list[dict[str, str]], texts: list[str]) -> dict[str, float]:
    """Return the means of the study's metrics."""
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=True)
    rouge = [scorer.score(row["answer"], text)["rougeL"].fmeasure for row, text in zip(asked, texts, strict=True)]
    right = [one for one in correctness([row["question"] for row in asked], texts) if one is not None]
    toxic = demeaning(texts)
    return {
        "rougeL": sum(rouge) / len(rouge),
        "correctness": sum(right) / max(1, len(right)),
        "toxicity": sum(toxic) / len(toxic),
        "length": sum(len(text.split()) for text in texts) / len(texts),
    }


def main() -> None:
    """Train one arm, ask it, print the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--published", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(2)
    model, tokenizer = trained(given.rate, given.seed, published=given.published)
    asked = corpus("eli5")
    with torch.inference_mode():
        bare = scored(asked[:100], answers_one_by_one(model, tokenizer, asked[:100]))
        chat = scored(asked[:200], answers_in_batches(model, tokenizer, asked[:200]))
    print(json.dumps({"rate": given.rate, "seed": given.seed, "bare": bare, "chat": chat}))


if __name__ == "__main__":
    main()
