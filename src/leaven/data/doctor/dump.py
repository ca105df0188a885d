"""Rows token by token: what is trained and what is masked, for eyes and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leaven.data.chat import IGNORED, Encoded

DUMP = "dump.json"  # the file of a stage that has them
ROWS = 3  # how many rows of a training are kept for the report
LONGEST = 400  # tokens of a row that are shown: its beginning and its end


@dataclass(frozen=True)
class Token:
    """One token: its text, whether it carries loss, and whether it is a special token rather than text."""

    text: str
    trained: bool
    special: bool


@dataclass(frozen=True)
class Dumped:
    """A row: its tokens, how many it has in all, how many of these are trained, how many are left out."""

    id: str
    tokens: list[Token]
    total: int
    trained: int
    skipped: int = 0
    skipped_at: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready fields."""
        return asdict(self)


def dumped(tokenizer: Any, rows: Sequence[Encoded], longest: int = LONGEST) -> list[Dumped]:
    """Return rows token by token; of more than ``longest`` tokens those in the middle are left out, and counted."""
    special = {*map(int, tokenizer.all_special_ids), *map(int, tokenizer.added_tokens_decoder)}
    return [_row(tokenizer, row, special, longest) for row in rows]


def _row(tokenizer: Any, row: Encoded, special: set[int], longest: int) -> Dumped:
    total = len(row.input_ids)
    half = longest // 2
    places = list(range(total)) if total <= longest else [*range(half), *range(total - (longest - half), total)]
    tokens = [
        Token(
            _text(tokenizer, row.input_ids, place, special),
            row.labels[place] != IGNORED,
            row.input_ids[place] in special,
        )
        for place in places
    ]
    skipped = total - len(places)
    return Dumped(row.id, tokens, total, len(row.trained), skipped, half if skipped else 0)


def _text(tokenizer: Any, found: Sequence[int], place: int, special: set[int]) -> str:
    """Return what one token adds to the text before it; half a character is shown as the vocabulary spells it.

    Decoded alone, a token loses the blank before it in some vocabularies, so it is decoded behind its neighbour.
    """
    token = found[place]
    spelt = str(tokenizer.convert_ids_to_tokens(token))
    if token in special:
        return spelt
    before = [] if place == 0 or found[place - 1] in special else [found[place - 1]]
    how = {"clean_up_tokenization_spaces": False}
    known, both = (str(tokenizer.decode(part, **how)) if part else "" for part in (before, [*before, token]))
    text = both[len(known) :] if both.startswith(known) else str(tokenizer.decode([token], **how))
    return spelt if not text or "\N{REPLACEMENT CHARACTER}" in text else text
