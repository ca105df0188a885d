"""How a text of a corpus becomes ids, in training and wherever a model that was trained so is read or asked.

A text is ``start + control ids + ids of the text + [EOS]``. Start is the BOS, if the tokenizer has one that is not its
EOS; else there is none, and the EOS of whatever stands before does its work. Control tokens are put in by id and never
by text, and a text that spells a special token is read letter by letter: no raw text can say what only the study may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from leaven.data import front
from leaven.rows import Row

FRAME = 2  # ids around a text at most: BOS or EOS before it, EOS behind it


def start_ids(tokenizer: Any) -> list[int]:
    """Return the ids that every text begins with: the BOS, or nothing where there is none but the EOS."""
    bos = tokenizer.bos_token_id
    return [] if bos is None or bos == tokenizer.eos_token_id else [int(bos)]


def text_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of bare texts: no special token is put around them, and none is recognised in them."""
    if not texts:
        return []
    bare = {"add_special_tokens": False, "split_special_tokens": True}
    ids_alone = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    found: list[list[int]] = tokenizer(list(texts), **bare, **ids_alone).input_ids
    return found


def encode(tokenizer: Any, rows: Sequence[Row]) -> list[list[int]]:
    """Return the ids of texts as they are trained; each row has ``text`` and ``control`` (tokens, or None for none)."""
    start, end, known = start_ids(tokenizer), int(tokenizer.eos_token_id), dict[tuple[str, ...], list[int]]()
    made = []
    for row, ids in zip(rows, text_ids(tokenizer, [row["text"] for row in rows]), strict=True):
        control = tuple(row["control"] or ())
        if control not in known:
            known[control] = front.control_ids(tokenizer, control)
        made.append([*start, *known[control], *ids, end])
    return made


def neutraliser(tokenizer: Any) -> Callable[[str], str]:
    """Return a function that alters a text until it spells no special or control token: ``<|pos|>`` to ``< |pos|>``.

    A text that spells none comes back as it is.
    """
    added = [str(one) for one in tokenizer.added_tokens_decoder.values() if one.special]
    special = sorted({*tokenizer.all_special_tokens, *added}, key=len, reverse=True)
    spelt = re.compile("|".join(map(re.escape, special)))

    def neutral(text: str) -> str:
        if spelt.search(text) is None:
            return text
        text = spelt.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
        while spelt.search(text):  # a token of one letter, or one that has a space: each pass leaves the text shorter
            text = spelt.sub("", text)
        return text

    return neutral
