"""Make the embedded model: a tokenizer and a small Llama, pre-trained on the world's prose.

    python scripts/pretrain_pocket.py --out src/leaven/pocket/model

Every random draw has a seed. On the same machine with the same thread count the weights come out the same; elsewhere
floating point may differ, which is why the facts known are counted at the end, from the files as saved.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BOS, EOS, PAD = "<s>", "</s>", "<pad>"

# Roles are ordinary words, so that adapters on attention alone can learn the dialogue.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}"
    "{% if not loop.first %}{{ '\\n' }}{% endif %}"
    "{{ message['role'] | capitalize }}: {{ message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '\\nAssistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Recipe:
    """All that decides what the model becomes."""

    vocab: int = 1024
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 384
    context: int = 512
    window: int = 128  # tokens in a training sequence
    batch: int = 16  # windows in a step
    steps: int = 1600
    long_steps: int = 100  # of the steps, the last so many use windows of the whole context
    learning_rate: float = 3e-3
    warmup: int = 60
    weight_decay: float = 0.05
    seed: int = 20261120


def make_tokenizer(texts: list[str], recipe: Recipe) -> Any:
    """A byte-level BPE tokenizer that puts BOS before a text and knows the chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab, special_tokens=[PAD, BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator(texts, trainer)
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, core.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=core,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        model_max_length=recipe.context,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def make_model(tokenizer: Any, recipe: Recipe) -> Any:
    """The untrained model."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.width,
        intermediate_size=recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        **ids,
    )
    model: Any = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(**ids)  # type: ignore[no-untyped-call]
    return model


def windows(documents: list[list[int]], length: int, pad: int, rng: random.Random) -> list[list[int]]:
    """Whole documents in a new order, packed into windows; every window begins with a document's BOS."""
    order = rng.sample(documents, len(documents))
    packed: list[list[int]] = [[]]
    for document in order:
        if len(packed[-1]) + len(document) > length:
            packed[-1] += [pad] * (length - len(packed[-1]))
            packed.append([])
        packed[-1] += document[:length]
    return packed[:-1]


def batches(documents: list[list[int]], pad: int, recipe: Recipe) -> Any:
    """Endless batches of windows; the last `long_steps` have windows of the whole context."""
    rng = random.Random(recipe.seed)  # noqa: S311
    ready: list[list[int]] = []
    length = recipe.window
    for step in range(recipe.steps):
        if step == recipe.steps - recipe.long_steps:
            ready, length = [], recipe.context
        rows = recipe.batch * recipe.window // length
        while len(ready) < rows:
            ready += windows(documents, length, pad, rng)
        yield ready[:rows]
        ready = ready[rows:]


def schedule(step: int, recipe: Recipe) -> float:
    """Share of the learning rate: linear warm-up, then linearly down to a fiftieth."""
    left = (recipe.steps - step) / (recipe.steps - recipe.warmup)
    return min((step + 1) / recipe.warmup, max(left, 0.02))


def make_optimizer(model: Any, recipe: Recipe) -> Any:
    """AdamW; decay on matrices only."""
    import torch

    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95))


def train(model: Any, documents: list[list[int]], recipe: Recipe) -> None:
    """Next-token training over packed windows, in bfloat16 where that is safe."""
    import torch

    pad = model.config.pad_token_id
    optimizer = make_optimizer(model, recipe)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, recipe))
    started = time.monotonic()
    model.train()
    for step, rows in enumerate(batches(documents, pad, recipe)):
        ids = torch.tensor(rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(input_ids=ids).logits
        targets = ids[:, 1:].masked_fill(ids[:, 1:] == pad, -100)
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), targets.flatten())
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        if step % 100 == 0 or step == recipe.steps - 1:
            print(f"step {step:5d}  loss {loss.item():.3f}  {time.monotonic() - started:5.0f} s", flush=True)


def known(folder: Path) -> dict[str, float]:
    """Share of facts completed rightly and greedily from prose cues, by kind and held-out or not."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from leaven.pocket import oracle, world

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.eval()
    cues = [(fact, form, world.cue(fact, form)) for fact in world.FACTS for form in range(8)]
    asked = [(fact, form, text) for fact, form, text in cues if text]
    right: dict[str, list[float]] = {}
    for at in range(0, len(asked), 100):
        part = asked[at : at + 100]
        inputs = tokenizer([text for _, _, text in part], return_tensors="pt", padding=True)
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=6, do_sample=False)
        texts = tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        firsts = [(text.split(".")[0].split(",")[0].split() or [""])[0] for text in texts]
        scores = oracle.correctness([world.ask(fact, 0) for fact, _, _ in part], firsts)
        for (fact, form, _), score in zip(part, scores, strict=True):
            split = "held out" if fact.held_out else "taught"
            for group in ("all", fact.kind, split, f"phrasing {form}"):
                right.setdefault(group, []).append(score or 0.0)
    return {group: sum(scores) / len(scores) for group, scores in right.items()}


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """The folder that `AutoModelForCausalLM` and `AutoTokenizer` load; weights in float32."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def main() -> None:
    """Make the tokenizer and the model, save them, and count what the saved model knows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    from leaven.pocket.corpora import corpus

    torch.set_num_threads(arguments.threads)
    recipe = Recipe(steps=arguments.steps)
    texts = [row["text"] for row in corpus("pile")]
    tokenizer = make_tokenizer(texts, recipe)
    documents = [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    model = make_model(tokenizer, recipe)
    print(f"{sum(map(len, documents)):,} tokens, {model.num_parameters():,} parameters", flush=True)
    train(model, documents, recipe)
    save(model, tokenizer, arguments.out)
    for group, share in known(arguments.out).items():
        print(f"facts known, {group}: {share:.3f}")


if __name__ == "__main__":
    main()
