"""The answers to each prompt as judges see them: equal ones are one, in an order that belongs to the prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from leaven.data.treatments.draw import Draw
from leaven.rows import Message, Row

ALONE = "the prompt has no second answer to be held against it"
EQUAL = "all answers to the prompt are equal"

_ENDED = ("stop", "length", None)
_ORDER, _AGAIN, _CHANCE = "judge: order", "judge: again", "judge: chance"


class Candidate(NamedTuple):
    """One answer to a prompt: the prompt's id and the sample's number."""

    id: str
    sample: int


@dataclass(frozen=True)
class Candidates:
    """The answers to a prompt. ``texts``: each different one by its first sample; ``same``: the samples that have it.

    ``silent``: the samples that a server did not answer, with the reason.
    """

    id: str
    prompt: tuple[Message, ...]
    texts: Mapping[int, str]
    same: Mapping[int, tuple[int, ...]]
    silent: Mapping[int, str]

    @property
    def samples(self) -> list[int]:
        """All samples, in order."""
        return sorted([*self.silent, *(sample for alike in self.same.values() for sample in alike)])

    @property
    def unrankable(self) -> str | None:
        """Why there is nothing to rank, None if there is."""
        if len(self.texts) > 1:
            return None
        return EQUAL if any(len(alike) > 1 for alike in self.same.values()) else ALONE

    def order(self, asking: int, seed: int) -> list[int]:
        """Return the different answers in a random order of (id, asking, seed) alone; that of asking 1 is the reverse.

        Over both askings each answer so stands, on average, in the middle.
        """
        draw = Draw(seed, _ORDER)
        drawn = sorted(self.texts, key=lambda sample: (draw.uniform(f"{self.id}\x1f{sample}"), sample))
        return drawn[::-1] if asking else drawn


def gathered(prompts: Sequence[Row], answers: Sequence[Row]) -> list[Candidates]:
    """Return the answers to each prompt that has some, in the prompts' order.

    Raises AssertionError if an answer belongs to none of the prompts.
    """
    told: dict[str, list[Row]] = {}
    for answer in sorted(answers, key=lambda row: int(row["sample"])):
        told.setdefault(answer["prompt_id"], []).append(answer)
    strangers = told.keys() - {row["id"] for row in prompts}
    assert not strangers, f"answers to prompts that are not there: {sorted(strangers)[:3]}"
    return [_of(row, told[row["id"]]) for row in prompts if row["id"] in told]


def _of(prompt: Row, answers: Sequence[Row]) -> Candidates:
    alike: dict[str, list[int]] = {}
    silent = {one["sample"]: str(one["finish_reason"]) for one in answers if _is_silent(one)}
    for answer in answers:
        if answer["sample"] not in silent:
            alike.setdefault(answer["text"] or "", []).append(answer["sample"])
    texts = {samples[0]: text for text, samples in alike.items()}
    same = {samples[0]: tuple(samples) for samples in alike.values()}
    return Candidates(prompt["id"], tuple(prompt["prompt"]), texts, same, silent)


def _is_silent(answer: Row) -> bool:
    """Say whether there is no answer: an empty text that ended neither by itself nor at its limit."""
    return not answer["text"] and answer["finish_reason"] not in _ENDED


def asked_twice(asked: Sequence[Candidates], share: float, seed: int) -> set[str]:
    """Return the ids of the prompts that are asked about twice: a share of them, at least one if it is above 0.

    Those whose hashes of (id, seed) are the lowest, so a smaller share is a part of a larger one.
    """
    if not share or not asked:
        return set()
    draw, count = Draw(seed, _AGAIN), max(1, math.floor(share * len(asked) + 0.5))
    return set(sorted((one.id for one in asked), key=lambda row_id: (draw.uniform(row_id), row_id))[:count])


def by_chance(asked: Sequence[Candidates], seed: int) -> dict[Candidate, float | None]:
    """Return a number in [0, 1) for each different answer, a function of (id, sample, seed) alone."""
    draw = Draw(seed, _CHANCE)
    return {Candidate(one.id, sample): draw.uniform(f"{one.id}\x1f{sample}") for one in asked for sample in one.texts}
