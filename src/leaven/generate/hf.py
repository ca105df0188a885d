"""Answers from a transformers model: batched, left-padded, each row's noise its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_MOST_ROWS = 64
_MOST_TOKENS = 64 * 512  # of prompt and answer in one batch


@dataclass(frozen=True)
class Prompt:
    """One answer to be generated: the item, which of its samples, and the prompt's ids."""

    item: str
    sample: int
    ids: list[int]


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn: ``sampling`` as the suite declares it, the seed of the noise, where answers end."""

    max_new_tokens: int
    sampling: dict[str, Any]
    seed: int
    stop_ids: Sequence[int]


def generate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], decoding: Decoding
) -> Iterator[dict[str, Any]]:
    """Yield one generation per prompt (``rows`` schema *generations*), in no particular order.

    ``finish_reason`` is ``stop`` where the model ended its answer itself and ``length`` where the limit did. In
    float32 greedy texts do not depend on the batch; in bfloat16 they may.
    """
    import torch

    model.eval()
    pending = list(_batches(sorted(prompts, key=lambda prompt: len(prompt.ids)), decoding.max_new_tokens))
    while pending:
        batch = pending.pop(0)
        try:
            yield from _answer(model, tokenizer, batch, decoding)
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            pending[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]


def _batches(prompts: Sequence[Prompt], max_new_tokens: int) -> Iterator[list[Prompt]]:
    """Yield prompts of similar length together, as many as fit; the longest of a batch is its last."""
    batch: list[Prompt] = []
    for prompt in prompts:
        size = (len(batch) + 1) * (len(prompt.ids) + max_new_tokens)
        if batch and (len(batch) == _MOST_ROWS or size > _MOST_TOKENS):
            yield batch
            batch = []
        batch.append(prompt)
    if batch:
        yield batch


def _answer(model: Any, tokenizer: Any, batch: Sequence[Prompt], decoding: Decoding) -> list[dict[str, Any]]:
    import torch

    from leaven.generate.sampler import processors, row_key

    width = max(len(prompt.ids) for prompt in batch)
    pad = tokenizer.pad_token_id
    padded = torch.tensor([[pad] * (width - len(p.ids)) + p.ids for p in batch], device=model.device)
    mask = torch.tensor([[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in batch], device=model.device)
    keys = [row_key(decoding.seed, prompt.item, prompt.sample) for prompt in batch]
    with torch.inference_mode(), _own_settings(model, _settings(decoding, pad)):
        made = model.generate(
            input_ids=padded,
            attention_mask=mask,
            logits_processor=processors(decoding.sampling, keys, width, model.device),
        )
    return [
        _generation(tokenizer, prompt, ids, decoding.stop_ids)
        for prompt, ids in zip(batch, made[:, width:].tolist(), strict=True)
    ]


@contextmanager
def _own_settings(model: Any, settings: Any) -> Iterator[None]:
    """Put our settings in the place of the checkpoint's.

    Given as an argument they would not do: transformers fills what they leave open (a repetition penalty, say) from
    the checkpoint's own.
    """
    saved = model.generation_config
    model.generation_config = settings
    try:
        yield
    finally:
        model.generation_config = saved


def _settings(decoding: Decoding, pad: int) -> Any:
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,  # the draw is in the logits processor
        num_beams=1,
        max_new_tokens=decoding.max_new_tokens,
        pad_token_id=pad,
        eos_token_id=list(decoding.stop_ids),
        use_cache=True,
    )


def _generation(tokenizer: Any, prompt: Prompt, ids: list[int], stop_ids: Sequence[int]) -> dict[str, Any]:
    end = next((index for index, token in enumerate(ids) if token in stop_ids), None)
    answer = ids if end is None else ids[:end]
    return {
        "prompt_id": prompt.item,
        "sample": prompt.sample,
        "text": tokenizer.decode(answer, skip_special_tokens=True).strip(),
        "finish_reason": "length" if end is None else "stop",
        "tokens": len(answer),
    }
