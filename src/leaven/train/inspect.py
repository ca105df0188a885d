"""What collators, packing and reward heads make of rendered ids; tried on the real ones, never read off a flag.

Where a model is needed, a tiny one of the same architecture is drawn: how texts are kept apart, and at which token a
reward is read, is code of the architecture and not of its weights.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from leaven.data.chat import IGNORED, Encoded
from leaven.data.doctor import Finding
from leaven.errors import ModelError

_ROWS = 16  # rows that are tried
_BATCH = 4
_APART = 1e-3  # by how much rounding may move a logit of the tiny model
_SMALL = {
    "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16,
    "num_hidden_layers": 2, "n_embd": 32, "n_head": 2, "n_layer": 2, "ffn_dim": 32, "word_embed_proj_dim": 32,
    "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip


def of_collators(tokenizer: Any, encoded: Sequence[Encoded], stops: Collection[int]) -> list[Finding]:
    """Return what collators do to the EOS in the loss where the pad token is one at which generation stops.

    transformers' DataCollatorForLanguageModeling masks every pad token (TRL 456); TRL's, which Leaven trains with, pads
    by position. Both are run on some of the rows.
    """
    ended = [row for row in encoded if not row.cut and set(row.trained[1:]) & set(stops)][:_ROWS]
    if tokenizer.pad_token_id not in set(stops) or not ended:
        return []
    lost = sum(_lost(row, labels, stops) for row, labels in zip(ended, _by_transformers(tokenizer, ended), strict=True))
    ours = sum(_lost(row, labels, stops) for row, labels in zip(ended, _by_trl(tokenizer, ended), strict=True))
    word, remedy = repr(tokenizer.pad_token), "set model.pad_token to a token of its own"
    shown = (
        f"tried on {len(ended)} rows: transformers' DataCollatorForLanguageModeling takes EOS out of the loss in "
        f"{lost}, TRL's, which Leaven trains with, in {ours}"
    )
    if ours:
        return [Finding("error", "collator", f"the pad token {word} is EOS, and is masked", shown, remedy, ours)]
    if lost:
        said = f"the pad token {word} is EOS: a trainer that masks padding by its id never trains EOS"
        return [Finding("warning", "collator", said, shown, remedy, lost)]
    return []


def _lost(row: Encoded, labels: Sequence[int], stops: Collection[int]) -> bool:
    """Say whether a row's last stop id carries loss no more."""
    last = max(at for at, label in enumerate(row.labels) if label in set(stops))
    return labels[last] == IGNORED


def _by_transformers(tokenizer: Any, rows: Sequence[Encoded]) -> list[list[int]]:
    from transformers import DataCollatorForLanguageModeling

    right = copy.copy(tokenizer)
    right.padding_side = "right"
    collate = DataCollatorForLanguageModeling(right, mlm=False)
    return [
        labels
        for start in range(0, len(rows), _BATCH)
        for labels in collate([{"input_ids": row.input_ids} for row in rows[start : start + _BATCH]])["labels"].tolist()
    ]


def _by_trl(tokenizer: Any, rows: Sequence[Encoded]) -> list[list[int]]:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collate = DataCollatorForLanguageModeling(pad_token_id=tokenizer.pad_token_id)
    batches = (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
    fed = ([{"input_ids": row.input_ids, "labels": row.labels} for row in batch] for batch in batches)
    return [labels for batch in fed for labels in collate(batch)["labels"].tolist()]


def of_packing(encoded: Sequence[Encoded], config: Any, strategy: str, attention: str | None = None) -> list[Finding]:
    """Return whether texts that TRL packs into one row see each other, in a model of this architecture.

    Each text's logits within the pack are compared with those it has alone (TRL 805, LlamaFactory 2289). ``attention``
    is attn_implementation. Raises ModelError if no such model can be drawn.
    """
    rows = [row for row in encoded if len(row.input_ids) > 1][:_BATCH]
    if len(rows) < 2:
        return []
    known = {token: at for at, token in enumerate(sorted({one for row in rows for one in row.input_ids}))}
    texts = [[known[one] for one in row.input_ids] for row in rows]
    batch, model = _packed(texts, strategy), _tiny(config, len(known), "AutoModelForCausalLM", attention)
    restarts = _restarts(batch)
    apart = _apart(model, batch, texts)
    if apart <= _APART:
        return []
    shown = (
        f"tried on {len(texts)} rows in one pack ({strategy}): position ids start anew {restarts} times, and a text's "
        f"logits move by up to {apart:.2g} by what is packed before it"
    )
    remedy = (
        "pack by `bfd`, with flash attention or an attention that reads position ids; or do not pack"
        if strategy == "wrapped"
        else "set attn_implementation to flash_attention_2, or do not pack"
    )
    return [Finding("error", "packing", "packed texts see each other", shown, remedy, len(texts))]


def _packed(texts: Sequence[Sequence[int]], strategy: str) -> dict[str, Any]:
    """Return one batch of one row, as TRL packs and collates these texts."""
    import datasets
    from trl import pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    length = sum(map(len, texts))
    rows = datasets.Dataset.from_list([{"input_ids": list(text)} for text in texts])
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        packed = list(pack_dataset(rows, length, strategy))
    finally:
        if shown:
            datasets.enable_progress_bars()
    free = strategy != "wrapped"  # as TRL's trainer decides
    batch: dict[str, Any] = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=free)(packed[:1])
    return batch


def _restarts(batch: dict[str, Any]) -> int:
    return int((batch["position_ids"] == 0).sum()) if "position_ids" in batch else 1


def _apart(model: Any, batch: dict[str, Any], texts: Sequence[Sequence[int]]) -> float:
    """Return by how much a text's logits in the pack differ at most from those alone."""
    import torch

    names = ("input_ids", "position_ids", "attention_mask")
    with torch.no_grad():
        together = model(**{name: batch[name] for name in names if name in batch}, use_cache=False).logits[0]
        found = 0.0
        for start, text in _places(batch["input_ids"][0].tolist(), texts):
            alone = model(input_ids=torch.tensor([list(text)]), use_cache=False).logits[0]
            found = max(found, float((together[start : start + len(text)] - alone).abs().max()))
    return found


def _places(whole: list[int], texts: Sequence[Sequence[int]]) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield where each text stands in a pack, which has them in an order of the packer's.

    One text may begin as another does, so of those that fit a place the longest is taken.
    """
    left, start = sorted(texts, key=len, reverse=True), 0
    while left:
        text = next(one for one in left if whole[start : start + len(one)] == list(one))
        left.remove(text)
        yield start, text
        start += len(text)


def of_pooling(tokenizer: Any, encoded: Sequence[Encoded], config: Any, severity: str = "warning") -> list[Finding]:
    """Return whether a reward would be read at another token than a text's last (transformers 35352).

    Texts are padded on the right and read under a sequence classification head of this architecture. ``severity`` is
    what it means for the training that is examined. Raises ModelError if no such model can be drawn.
    """
    pad = tokenizer.pad_token_id
    rows = [row for row in encoded if not row.cut and pad in row.input_ids][:_BATCH]
    if not rows:
        return []  # where no text holds the pad token, what is no padding is text
    read = zip(rows, _pooled(rows, pad, config), strict=True)
    wrong = [(row, at) for row, at in read if at != len(row.input_ids) - 1]
    if not wrong:
        return []
    row, at = wrong[0]
    word, end = (repr(str(tokenizer.convert_ids_to_tokens(one))) for one in (row.input_ids[at], row.input_ids[-1]))
    shown = (
        f"tried on {len(rows)} texts: the reward of {row.id} is read at token {at + 1} ({word}) of "
        f"{len(row.input_ids)}, not at its last ({end})"
    )
    said = f"a reward model takes {tokenizer.pad_token!r} at a text's end for padding: an answer's end is never read"
    remedy = "set model.pad_token to a token of its own before training by `reward`"
    return [Finding(severity, "pooling", said, shown, remedy, len(wrong))]


def _pooled(rows: Sequence[Encoded], pad: int, config: Any) -> list[int]:
    """Return at which token of each text its reward is read: where the head's numbers equal what the model returns."""
    import torch

    known = {token: at for at, token in enumerate(sorted({pad, *(one for row in rows for one in row.input_ids)}))}
    model = _tiny(config, len(known), "AutoModelForSequenceClassification", num_labels=1)
    model.config.get_text_config().pad_token_id = known[pad]
    longest = max(len(row.input_ids) for row in rows) + 1
    padding = [longest - len(row.input_ids) for row in rows]
    texts = [[known[one] for one in row.input_ids] for row in rows]
    ids = torch.tensor([text + [known[pad]] * fill for text, fill in zip(texts, padding, strict=True)])
    mask = torch.tensor([[1] * len(text) + [0] * fill for text, fill in zip(texts, padding, strict=True)])
    seen: list[Any] = []
    head = next(getattr(model, name) for name in ("score", "classifier", "classification_head") if hasattr(model, name))
    hook = head.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        read = model(input_ids=ids, attention_mask=mask).logits[:, 0]
    hook.remove()
    return [int((seen[0][row, :, 0] - read[row]).abs().argmin()) for row in range(len(rows))]


def _tiny(config: Any, vocabulary: int, kind: str, attention: str | None = None, **more: Any) -> Any:
    """Draw a tiny model of a configuration's architecture; raises ModelError if that is not possible."""
    import torch
    import transformers

    small = copy.deepcopy(config)
    text = small.get_text_config()
    for name, value in {**_SMALL, "vocab_size": vocabulary}.items():
        if hasattr(text, name):
            setattr(text, name, value)
    if getattr(text, "layer_types", None):
        text.layer_types = list(text.layer_types)[: _SMALL["num_hidden_layers"]]
    for name, value in more.items():
        setattr(small, name, value)
    named = {"attn_implementation": attention} if attention else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            model = getattr(transformers, kind).from_config(small, **named)
        except Exception as error:  # architectures raise many kinds, all of which mean: it cannot be tried here
            first = (str(error).splitlines() or [type(error).__name__])[0][:160]
            raise ModelError(f"no small model of this architecture can be drawn to try it: {first}") from error
    return model.float().eval()
