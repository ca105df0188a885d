"""Texts in which a special token is spelled out: a tokenizer reads it as that token, and not as the text that it is."""

from __future__ import annotations

from typing import Any

HELD = "text holds a special token of the tokenizer"


def specials(tokenizer: Any) -> list[str]:
    """Return how a tokenizer's special tokens are spelled, the ones of chat templates among them."""
    added = (str(one) for one in tokenizer.added_tokens_decoder.values() if one.special)
    return sorted({*tokenizer.all_special_tokens, *added} - {""})
