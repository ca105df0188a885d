"""Answers from a transformers model: batched, left-padded, each row's noise, limit and end its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError
from leaven.generate.batches import vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_MOST_ROWS = 256
_MOST_TOKENS = 64 * 512  # of prompt and answer in one batch
_MOST_SCORES = 64 * 8192  # rows times vocabulary; 64 rows whatever the vocabulary


@dataclass(frozen=True)
class Prompt:
    """One answer to be generated: the item, which of its samples, the prompt's ids, and a limit of its own if any.

    ``noise`` is the item whose noise it draws with, None for its own: what is asked in several ways draws alike.
    ``unseen`` ids at its beginning (a start token, say) are nothing that penalties on what was said look at.
    """

    item: str
    sample: int
    ids: list[int]
    limit: int | None = None
    noise: str | None = None
    unseen: int = 0


Heard = Callable[[Prompt, Sequence[int]], None]  # of an answer on its way: the ids so far


@dataclass(frozen=True)
class Decoding:
    """How answers are drawn: ``sampling`` by transformers' names, the seed of the noise, where answers end.

    ``banned`` ids are never told: they are ruled out before anything else is done to the scores.
    """

    max_new_tokens: int
    sampling: dict[str, Any]
    seed: int
    stop_ids: Sequence[int]
    banned: Sequence[int] = ()

    def limit(self, prompt: Prompt) -> int:
        """Return how many tokens a prompt's answer may have."""
        return self.max_new_tokens if prompt.limit is None else prompt.limit

    @property
    def beams(self) -> int:
        """How many beams each row is searched with; 1 is no search."""
        return int(self.sampling.get("num_beams", 1))


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    decoding: Decoding,
    heard: Heard | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield one generation per prompt (``rows`` schema *generations*), in no particular order.

    ``finish_reason`` is ``stop`` where the model ended its answer itself or told a stop string, and ``length`` where
    the limit did. In float32 texts do not depend on the batch; in bfloat16 they may. A batch that is too large for the
    memory is halved, and so are those after it; raises ModelError if one row alone is too large. ``heard`` is called
    after each token of each answer, the one that ends it included, but not during a search by beams.
    """
    model.eval()
    queue = sorted(_asked(prompts, decoding), key=lambda same: (decoding.limit(same[0]), len(same[0].ids)))
    most, widest = len(queue), _widest(model)
    while queue:
        batch = queue[: _fitting(queue, most, widest, decoding)]
        made = _tried(model, tokenizer, batch, decoding, heard)
        if made is None:
            most = len(batch) // 2
            continue
        del queue[: len(batch)]
        yield from made


def _asked(prompts: Sequence[Prompt], decoding: Decoding) -> list[list[Prompt]]:
    """Return what is computed at once: each answer by itself, but all of an item's samples by one beam search."""
    if decoding.beams == 1:
        return [[prompt] for prompt in prompts]
    items: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        items.setdefault(prompt.item, []).append(prompt)
    return list(items.values())


def _widest(model: Any) -> int:
    """Return how many rows a batch may have: more of a small vocabulary, where a step costs little beside its start."""
    return min(_MOST_ROWS, max(64, _MOST_SCORES // vocabulary(model)))


def _fitting(queue: Sequence[Sequence[Prompt]], most: int, widest: int, decoding: Decoding) -> int:
    """Return how many of the next are answered together, of similar limit and length, as many as fit."""
    longest = 0
    for count, (prompt, *_) in enumerate(queue):
        limit = decoding.limit(prompt)
        longest = max(longest, len(prompt.ids) + limit)
        rows = (count + 1) * decoding.beams
        other = decoding.beams > 1 and limit != decoding.limit(queue[0][0])  # a search has one limit
        if count and (count == most or other or rows > widest or rows * longest > _MOST_TOKENS):
            return count
    return len(queue)


def _tried(
    model: Any, tokenizer: Any, batch: Sequence[Sequence[Prompt]], decoding: Decoding, heard: Heard | None
) -> list[dict[str, Any]] | None:
    """Answer a batch; None if the memory holds only a smaller one."""
    import torch

    try:
        return _answer(model, tokenizer, batch, decoding, heard)
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if len(batch) > 1:
        return None
    asked = f"{len(batch[0][0].ids)} tokens of prompt and {decoding.limit(batch[0][0])} new ones"
    raise ModelError(
        f"the memory does not hold one answer of {asked}; lower max_new_tokens or num_beams, or load with "
        "model.dtype: bfloat16"
    )


def _is_memory(error: Exception) -> bool:
    """Say whether an error means that the memory is full; on the CPU torch has no error of its own for that."""
    import torch

    said = ("not enough memory", "can't allocate memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in said)


def _answer(
    model: Any, tokenizer: Any, batch: Sequence[Sequence[Prompt]], decoding: Decoding, heard: Heard | None
) -> list[dict[str, Any]]:
    import torch

    from leaven.generate.beams import search
    from leaven.generate.endings import Endings
    from leaven.generate.loop import Loop
    from leaven.generate.sampler import Rules, processors, row_key

    firsts = [same[0] for same in batch]
    pad, width = tokenizer.pad_token_id, max(len(prompt.ids) for prompt in firsts)
    padding = [width - len(prompt.ids) for prompt in firsts]
    inputs = _padded(firsts, padding, pad, model.device)
    keys = [row_key(decoding.seed, prompt.noise or prompt.item, prompt.sample) for prompt in firsts]
    rules = Rules(decoding.banned, decoding.stop_ids, [prompt.unseen for prompt in firsts])
    changes = processors(decoding.sampling, keys, padding, width, model.device, rules)
    endings = Endings(tokenizer, decoding.stop_ids, decoding.sampling.get("stop_strings", ()))
    limits = [decoding.limit(prompt) for prompt in firsts]
    with torch.inference_mode(), _own_settings(model, _settings(decoding, max(limits), pad)):
        if decoding.beams > 1:
            told = search(model, inputs, changes, endings)
        else:
            loop = Loop(limits, decoding.stop_ids, endings, _by_row(firsts, heard))
            model.generate(**inputs, logits_processor=changes, custom_generate=loop)
            told = [[ids] for ids in loop.made]
    return [
        _generation(endings, prompt, found[prompt.sample if decoding.beams > 1 else 0], decoding.limit(prompt))
        for same, found in zip(batch, told, strict=True)
        for prompt in same
    ]


def _padded(prompts: Sequence[Prompt], padding: Sequence[int], pad: int, device: Any) -> dict[str, Any]:
    import torch

    ids = [[pad] * pads + prompt.ids for prompt, pads in zip(prompts, padding, strict=True)]
    mask = [[0] * pads + [1] * len(prompt.ids) for prompt, pads in zip(prompts, padding, strict=True)]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def _by_row(prompts: Sequence[Prompt], heard: Heard | None) -> Callable[[int, Sequence[int]], None] | None:
    return None if heard is None else lambda row, ids: heard(prompts[row], ids)


@contextmanager
def _own_settings(model: Any, settings: Any) -> Iterator[None]:
    """Put our settings in the place of the checkpoint's.

    Given as an argument they would not do: transformers fills what they leave open (a repetition penalty, say) from
    the checkpoint's own. An adapter's base has settings of its own, which count where PEFT does not know its task.
    """
    whose = [model, model.get_base_model()] if hasattr(model, "get_base_model") else [model]
    saved = [one.generation_config for one in whose]
    for one in whose:
        one.generation_config = settings
    try:
        yield
    finally:
        for one, own in zip(whose, saved, strict=True):
            one.generation_config = own


def _settings(decoding: Decoding, limit: int, pad: int) -> Any:
    from transformers import GenerationConfig

    from leaven.generate.beams import SETTINGS

    beams = {name: decoding.sampling[name] for name in SETTINGS if name in decoding.sampling and decoding.beams > 1}
    return GenerationConfig(
        do_sample=False,  # the draw is in the logits processor
        max_new_tokens=limit,
        pad_token_id=pad,
        eos_token_id=list(decoding.stop_ids),
        use_cache=True,
        **{"num_beams": 1, **beams},
    )


def _generation(endings: Any, prompt: Prompt, ids: list[int], limit: int) -> dict[str, Any]:
    answer = endings.answer(ids, limit)
    return {"prompt_id": prompt.item, "sample": prompt.sample, **answer._asdict()}
