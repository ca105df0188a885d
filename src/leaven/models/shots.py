"""Demonstrations of a data set that are shown to a model before a question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leaven.data.questions import asked, known_by
from leaven.data.treatments.draw import Draw
from leaven.errors import DataError
from leaven.models.hostile import neutralised
from leaven.rows import Message, Row

_OWN = 2  # rows that may be an item's own: the one with its id, and the one that asks the same


@dataclass(frozen=True)
class Shot:
    """One demonstration: its row, its question's digest, and its turns, from a user's to the answer."""

    id: str
    question: bytes
    turns: tuple[Message, ...]


@dataclass(frozen=True)
class Shots:
    """The demonstrations drawn for an arm, best drawn first, with some in reserve. ``changed``: texts neutralised."""

    drawn: Sequence[Shot]
    k: int
    changed: int = 0

    def of(self, prompt: Sequence[Message], row_id: str | None = None) -> list[tuple[Message, ...]]:
        """Return k demonstrations for a prompt (fewer if its own are among too few), none of them its own."""
        own = known_by(asked(prompt)) if prompt else b""
        others = (shot for shot in self.drawn if shot.id != row_id and shot.question != own)
        return [shot.turns for shot, _ in zip(others, range(self.k), strict=False)]


def shots(rows: Iterable[Row], k: int, seed: int, specials: Sequence[str] = ()) -> Shots:
    """Draw demonstrations of canonical rows by a hash of their ids, each question once; memory holds a few rows.

    The turns of a demonstration go from user to assistant and back, without a blank one; others are passed over. Raises
    DataError if there are fewer than ``k``.
    """
    draw, pool = Draw(seed, "few_shot"), dict[bytes, tuple[float, Shot]]()
    for row in rows:
        if (turns := _turns(row)) is None:
            continue
        number, question = draw.uniform(row["id"]), known_by(asked(row["prompt"]))
        if question in pool and pool[question][0] <= number:
            continue
        pool[question] = (number, Shot(row["id"], question, turns))
        if len(pool) > k + _OWN:
            del pool[max(pool, key=lambda one: pool[one][0])]
    if len(pool) < k:
        raise DataError(
            f"few_shot wants {k} demonstrations, and its data have {len(pool)} (a user's question with an answer, each "
            "question once); lower k, or name data with more"
        )
    drawn = [shot for _, shot in sorted(pool.values(), key=lambda one: one[0])]
    safe = [Shot(shot.id, shot.question, tuple(_safe(shot.turns, specials))) for shot in drawn]
    return Shots(safe, k, sum(one.turns != other.turns for one, other in zip(safe, drawn, strict=True)))


def _turns(row: Row) -> tuple[Message, ...] | None:
    turns = [
        {"role": turn["role"], "content": turn["content"]}
        for turn in [*(row.get("prompt") or ()), *(row.get("completion") or row.get("chosen") or ())]
        if turn["role"] != "system"
    ]
    wanted = ["user", "assistant"] * (len(turns) // 2)
    sound = turns and [turn["role"] for turn in turns] == wanted and all(turn["content"].strip() for turn in turns)
    return tuple(turns) if sound else None


def _safe(turns: Sequence[Message], specials: Sequence[str]) -> list[Message]:
    return [{**turn, "content": neutralised(turn["content"], specials)} for turn in turns]
