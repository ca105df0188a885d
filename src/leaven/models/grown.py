"""A vocabulary that grows by special tokens: the tokenizer's, and the rows that a model has for them.

A new row starts at the mean of the rows that were there, plus noise that is small beside their spread (Hewitt 2021,
"Initializing new word embeddings for pretrained language models"), drawn from a generator that the token's text seeds:
so a base, an adapter over it and what is loaded again have the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leaven.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_NOISE = 0.1  # of the spread that the old rows have in each dimension


def add_tokens(tokenizer: Any, tokens: Sequence[str]) -> None:
    """Add special tokens to a tokenizer, in place; each must be one id of its own.

    Raises ModelError that names the token which is in the vocabulary already, or comes out as several ids.
    """
    from tokenizers import AddedToken

    known = tokenizer.get_vocab()
    for token in tokens:
        if token in known:
            raise ModelError(f"the token {token} is in the vocabulary already (id {known[token]}); choose another")
    made = [AddedToken(token, special=True, normalized=False) for token in tokens]
    tokenizer.add_special_tokens({"extra_special_tokens": made}, replace_extra_special_tokens=False)
    seen: dict[int, str] = {}
    for token in tokens:
        found = tokenizer(token, add_special_tokens=False).input_ids
        if len(found) != 1 or tokenizer.convert_ids_to_tokens(found[0]) != token:
            raise ModelError(f"the tokenizer makes {len(found)} ids of the token {token}, not one of its own; choose "
                             "another")  # fmt: skip
        if (other := seen.setdefault(found[0], token)) != token:
            raise ModelError(f"the tokenizer takes {token} and {other} for the same token; choose another")


def ids(tokenizer: Any, tokens: Sequence[str]) -> dict[str, int]:
    """Return the id of each token that was added; raises ModelError where the tokenizer does not have it."""
    known = tokenizer.get_vocab()
    for token in tokens:
        if token not in known:
            raise ModelError(f"the tokenizer has no token {token}; the model was trained without it")
    return {token: int(known[token]) for token in tokens}


def grow(model: Any, added: Mapping[str, int]) -> None:
    """Give a model rows for the tokens that were added to its tokenizer, in place; ``added`` is {token: id}.

    The embedding grows, and so does a head of its own weights; rows that lay unused in a padded embedding are set anew.
    Raises ModelError if the tokenizer had more tokens than the model embeds.
    """
    if not added:
        return
    size, rows = model.get_input_embeddings().num_embeddings, max(added.values()) + 1
    if (had := min(added.values())) > size:
        raise ModelError(f"the tokenizer has {had} tokens, the model embeds {size}; they do not belong together")
    if rows > size:
        model.resize_token_embeddings(rows, mean_resizing=False)
    old = min(size, *added.values())
    for layer, weight in weights(model).items():
        _start(weight, old, added, layer)


def weights(model: Any) -> dict[str, Tensor]:
    """Return the matrices that have a row for each token: the embedding, and the head where it is another."""
    head = model.get_output_embeddings()
    found = {"embedding": model.get_input_embeddings().weight}
    if head is not None and head.weight is not found["embedding"]:
        found["head"] = head.weight
    return found


def _start(weight: Any, old: int, added: Mapping[str, int], layer: str) -> None:
    import torch

    with torch.no_grad():
        known = weight[:old].detach().to("cpu", torch.float32)
        mean, spread = known.mean(dim=0), known.std(dim=0)
        for token, index in added.items():
            digest = hashlib.sha256(f"{layer}\0{token}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
            noise = torch.randn(mean.shape, generator=generator)
            weight[index] = (mean + _NOISE * spread * noise).to(weight.device, weight.dtype)


def modules(model: Any, added: Mapping[str, int]) -> dict[str, list[int]] | None:
    """Return which rows of which modules an adapter trains whole, as PEFT's ``trainable_token_indices``; None if none.

    A head that shares the embedding's weights is PEFT's to tie.
    """
    if not added:
        return None
    layers = [model.get_input_embeddings()]
    if "head" in weights(model):
        layers.append(model.get_output_embeddings())
    names = {id(module): name for name, module in model.named_modules()}
    return {names[id(layer)]: sorted(added.values()) for layer in layers}


def rows(model: Any, added: Mapping[str, int]) -> dict[str, Tensor]:
    """Return a copy of what the model embeds each token as, with or without an adapter over it; on the CPU."""
    import torch

    layer = model.get_input_embeddings()
    with torch.no_grad():
        device = next(layer.parameters()).device
        return {token: layer(torch.tensor([index], device=device))[0].float().cpu() for token, index in added.items()}


def prove_trained(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    """Raise ModelError where a token's row is where it started, or equal to another's, after a training that had it."""
    import torch

    remedy = "raise learning_rate or train for longer (or set model.dtype: float32), or take the attribute out"
    for token, row in after.items():
        if torch.equal(row, before[token]):
            raise ModelError(f"the training did not move the row of the token {token}; {remedy}")
    listed = list(after)
    for place, token in enumerate(listed):
        for other in listed[:place]:
            if torch.equal(after[token], after[other]):
                raise ModelError(f"the rows of the tokens {other} and {token} are equal after the training; {remedy}")
