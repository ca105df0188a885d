"""The first rows of each training token by token: what carried loss, and what was masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_RETURN = "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}\n"


@dataclass(frozen=True)
class TokenInfo:
    """One token: its text, whether it carried loss, whether it is a special token rather than text."""

    text: str
    trained: bool
    special: bool = False


@dataclass(frozen=True)
class RowInfo:
    """A row as the model saw it; ``skipped`` tokens, before the one at ``skipped_at``, are not among its tokens."""

    id: str
    tokens: Sequence[TokenInfo] = ()
    total: int = 0
    trained: int = 0
    skipped: int = 0
    skipped_at: int = 0


@dataclass(frozen=True)
class DumpedInfo:
    """The first rows of a training: by which trainer, on which data, in which arms."""

    trainer: str
    data: str
    arms: Sequence[str] = ()
    rows: Sequence[RowInfo] = field(default_factory=tuple)


def trained_tokens(dumped: Sequence[DumpedInfo]) -> list[dict[str, Any]]:
    """Return, per training, its title, the arms it is of, and its rows as parts that the page marks."""
    return [
        {"title": f"{one.trainer} on {one.data}", "arms": ", ".join(one.arms), "rows": [_row(row) for row in one.rows]}
        for one in dumped
        if one.rows
    ]


def _row(row: RowInfo) -> dict[str, Any]:
    parts = [(token.text.replace("\n", _RETURN), token.trained, token.special) for token in row.tokens]
    if row.skipped:
        parts.insert(row.skipped_at, (f" … {row.skipped:,} tokens … ", False, True))
    return {"id": row.id, "told": f"{row.trained:,} of {row.total:,} tokens trained", "parts": parts}
