"""The tokenizer's ids against what the model's files say: special tokens, pad, the embedding's size, stop ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from leaven.data.doctor.finding import Finding


def of_tokenizer(bare: Any) -> list[Finding]:
    """Return what a tokenizer lacks, as it is saved: an EOS, a pad token of its own."""
    return [*_eos(bare), *_pad(bare)]


def _eos(bare: Any) -> Iterator[Finding]:
    if bare.eos_token_id is None:
        shown, remedy = f"its special tokens are {_listed(bare)}", "set model.eos_token to a token of the vocabulary"
        yield Finding("error", "eos", "the tokenizer has no EOS: nothing says where an answer ends", shown, remedy, 0)


def _pad(bare: Any) -> Iterator[Finding]:
    if bare.pad_token_id is not None:
        return
    shown = f"its special tokens are {_listed(bare)}; Leaven pads with EOS {bare.eos_token!r} and masks by position"
    remedy = f"set model.pad_token to a token that texts do not use{_free(bare)}"
    yield Finding("warning", "pad", "the tokenizer has no pad token", shown, remedy, 0)


def _free(bare: Any) -> str:
    """Name a token that could pad, as an example: one that is reserved, or the one for unknown text."""
    words = bare.get_vocab()
    held_back = (one for one in words if one[:1] == "<" and "reserved" in one.lower())
    reserved = [*(one for one in ("<pad>", "[PAD]", "<|pad|>") if one in words), *sorted(held_back)]
    known = [*reserved[:1], *([bare.unk_token] if bare.unk_token not in {None, bare.eos_token} else [])]
    return f", such as {known[0]!r}" if known else ""


def _listed(bare: Any) -> str:
    return ", ".join(f"{one!r}" for one in bare.all_special_tokens) or "none"


def of_size(tokenizer: Any, size: int | None, rows: int | None) -> list[Finding]:
    """Return ids that the model has no row for; ``size`` is config.vocab_size, ``rows`` the embedding's on disk."""
    highest = max(tokenizer.get_vocab().values(), default=-1)
    known = {"config.vocab_size": size, "the embedding": rows}
    remedy = "take the tokenizer that belongs to the model, or resize its embedding and save both together"
    found = []
    for name, count in known.items():
        if count is not None and highest >= count:
            over = sorted((at, word) for word, at in tokenizer.get_vocab().items() if at >= count)
            shown = f"{len(over)} tokens have ids from {over[0][0]} on, first {over[0][1]!r}; {name} is {count}"
            said = "the tokenizer has ids that the model has no row for"
            found.append(Finding("error", "vocabulary", said, shown, remedy, 0))
            break
    if size is not None and rows is not None and size != rows:
        shown = f"config.vocab_size is {size}, and the embedding on disk has {rows} rows"
        found.append(Finding("error", "vocabulary", "config and weights differ in size", shown, remedy, 0))
    return found


def declared_stops(config: Any) -> list[int]:
    """Return the ids at which generation_config stops; none where there is no such file, or it names none."""
    said = getattr(config, "eos_token_id", None)
    return [int(one) for one in said] if isinstance(said, list) else [] if said is None else [int(said)]


def of_generation(tokenizer: Any, config: Any, size: int | None) -> list[Finding]:
    """Return what generation_config says against the tokenizer (transformers 48016: pad saved as EOS)."""
    if config is None:
        return []
    stops, pad = declared_stops(config), config.pad_token_id
    found = [] if size is None else _beyond(config, stops, size)
    if pad is not None and pad in {*stops, tokenizer.eos_token_id}:
        word = tokenizer.convert_ids_to_tokens(int(pad))
        shown = f"pad_token_id {pad} is {word!r}; generation stops at {_words(tokenizer, stops)}"
        remedy = "set pad_token_id in generation_config.json to a token of its own, or take it out"
        said = "generation_config pads with a token at which it stops: padding and the end of an answer look alike"
        found.append(Finding("warning", "generation_config", said, shown, remedy, 0))
    return found


def _beyond(config: Any, stops: Collection[int], size: int) -> list[Finding]:
    named = {"eos_token_id": list(stops), "pad_token_id": [config.pad_token_id], "bos_token_id": [config.bos_token_id]}
    over = [f"{name} {one}" for name, listed in named.items() for one in listed if one is not None and one >= size]
    if not over:
        return []
    said, remedy = "generation_config names ids that the model does not have", "write ids of this model's vocabulary"
    return [Finding("error", "generation_config", said, f"{', '.join(over)}; vocab_size is {size}", remedy, 0)]


def _words(tokenizer: Any, found: Collection[int]) -> str:
    return ", ".join(f"{tokenizer.convert_ids_to_tokens(int(one))!r}" for one in found) or "no token of its own"
