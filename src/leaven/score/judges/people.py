"""Preferences by people as answers to be judged: sample 0 is the one that they preferred, sample 1 the other."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.data.canonical import Batch, Batches, sieve
from leaven.rows import Message, Row

PREFERRED, OTHER = 0, 1


def usable(batches: Batches) -> Iterator[Batch]:
    """Leave out preferences of which a judge cannot be asked, or in which people preferred nothing."""
    return sieve(batches, _unusable)


def _unusable(row: Row) -> str | None:
    if row["margin"] == 0:
        return "tie: neither answer was preferred"
    if len(row["chosen"]) != 1 or len(row["rejected"]) != 1:
        return "an answer is not one turn"
    return "chosen and rejected are equal" if _text(row["chosen"]) == _text(row["rejected"]) else None


def _text(answer: list[Message]) -> str:
    return answer[-1]["content"]


def prompt_of(row: Row) -> Row:
    """Return the prompt alone, as an example without an answer: what people preferred is what a judge is to find."""
    return {name: row[name] for name in ("id", "source", "group", "label", "prompt") if name in row}


def answers_of(row: Row) -> list[Row]:
    """Return both answers as generations."""
    both = ((PREFERRED, row["chosen"]), (OTHER, row["rejected"]))
    return [
        {"prompt_id": row["id"], "sample": sample, "text": _text(answer), "finish_reason": "stop"}
        for sample, answer in both
    ]
