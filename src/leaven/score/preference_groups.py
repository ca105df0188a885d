"""The pairs that preference accuracy is read on: those with two different answers, grouped by their lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from leaven.data.canonical import Batch, sieve
from leaven.rows import Message, Row

MUCH, SIMILAR = 0.5, 0.9  # the shorter answer's characters by the longer one's
GROUPS = ("chosen much shorter", "chosen shorter", "similar length", "chosen longer", "chosen much longer")


def by_length(chosen: int, rejected: int) -> str:
    """Return the group of a pair by the characters of its answers; the bounds are the same both ways.

    ``similar length``: the shorter has 90 % of the longer's characters or more; ``much``: half of them or fewer.
    """
    shorter, longer = sorted((chosen, rejected))
    share = shorter / longer if longer else 1.0
    if share >= SIMILAR:
        return GROUPS[2]
    steps = 2 if share <= MUCH else 1
    return GROUPS[2 - steps if chosen < rejected else 2 + steps]


def characters(answer: Iterable[Message]) -> int:
    """Return how many characters an answer has, without the white space around each turn."""
    return sum(len(turn["content"].strip()) for turn in answer)


def asked_pairs(batches: Iterable[Batch], by: str | None) -> Iterator[Batch]:
    """Leave out pairs in which nothing is preferred, and group the others; ``batches`` are of preferences.

    ``by`` is ``length_difference`` or ``group`` (the source's own); None is the source's own where a row has one.
    """
    for batch in sieve(batches, _nothing_preferred):
        batch.rows = [{**row, "group": _group(row, by)} for row in batch.rows]
        yield batch


def _nothing_preferred(row: Row) -> str | None:
    if _said(row["chosen"]) == _said(row["rejected"]):
        return "chosen and rejected are equal"
    return "tie: neither answer was preferred" if row["margin"] == 0 else None


def _said(answer: Iterable[Message]) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"].strip()) for turn in answer]


def _group(row: Row, by: str | None) -> str | None:
    own: str | None = row["group"]
    if by == "group" or (by is None and own is not None):
        return own
    return by_length(characters(row["chosen"]), characters(row["rejected"]))
