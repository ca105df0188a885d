"""Rows of the study as documents, cut into passages of a bounded length."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from leaven.data.questions import asked, known_by
from leaven.rows import Row

_WORD = re.compile(r"\S{1,40}")  # what has no spaces for longer counts as several words


@dataclass(frozen=True)
class Passage:
    """A part of a row's text; ``question`` is the digest of what the row asks, or of all of a text."""

    row: str
    text: str
    question: bytes


def passages(rows: Iterable[Row], words: int) -> Iterator[Passage]:
    """Cut rows into disjoint passages of at most ``words`` words, as even as they go (DPR, Karpukhin et al. 2020).

    A text is its own document; of prompts with answers it is what is said, without system messages, a turn a line; of
    a preference the chosen answer is said.
    """
    for row in rows:
        text = document(row)
        question = known_by(asked(row["prompt"]) if row.get("prompt") else text)
        for piece in cut(text, words):
            yield Passage(row["id"], piece, question)


def document(row: Row) -> str:
    """Return the text of a row."""
    if "prompt" not in row:
        return str(row["text"])
    turns = [*(row["prompt"] or ()), *(row.get("completion") or row.get("chosen") or ())]
    return "\n".join(turn["content"] for turn in turns if turn["role"] != "system")


def cut(text: str, words: int) -> list[str]:
    """Return the passages of a text; none of a blank one."""
    spans = [match.span() for match in _WORD.finditer(text)]
    count = -(-len(spans) // words)
    borders = [len(spans) * place // count for place in range(count + 1)] if count else []
    return [text[spans[one][0] : spans[other - 1][1]] for one, other in itertools.pairwise(borders)]
