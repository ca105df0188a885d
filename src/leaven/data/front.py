"""Control tokens in front of what a model is asked or reads: put there by id, never by text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaven.errors import ModelError, did_you_mean

_ROLES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")


def control_ids(tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """Return the ids of control tokens; raises ModelError where the tokenizer has no such special token.

    Text is never encoded here: a token that the vocabulary does not have would silently become several.
    """
    if not tokens:
        return []
    known = {str(token): int(place) for place, token in tokenizer.added_tokens_decoder.items() if token.special}
    for token in tokens:
        if token not in known:
            there = set(known) - {getattr(tokenizer, role, None) for role in _ROLES}
            remedy = did_you_mean(token, there) if there else "it has none at all: no training added one"
            raise ModelError(f"the model has no control token '{token}'; {remedy}")
    return [known[token] for token in tokens]


def put(tokenizer: Any, ids: Sequence[int], front: Sequence[int], *, start: bool = False) -> list[int]:
    """Return ids with control tokens in front: right behind the BOS where they begin with one, else first.

    Of a tokenizer without a BOS of its own they stand behind the EOS, as in training: there it ends the text before.
    ``start``: ids without tokens begin so as well, to be comparable.
    """
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if (front or start) and ids[:1] != [eos] and bos in (None, eos):
        return [eos, *front, *ids]
    behind = 1 if ids and ids[0] in (bos, eos) else 0
    return [*ids[:behind], *front, *ids[behind:]]


def beginning(tokenizer: Any) -> list[int]:
    """Return what stands before a text that is read or gone on with by itself: the BOS, else the EOS."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return [int(token)]
    raise ModelError("the tokenizer has neither BOS nor EOS to stand before a text; set model.eos_token")
