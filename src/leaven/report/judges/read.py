"""A few prompts with their answers and every judge's ranks: to read, and not to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report import numbers
from leaven.report.judges.found import Judging, RankedAnswer, RankedSample
from leaven.report.listings import NOTHING

SAMPLES = 6
_ANSWERS = 8


@dataclass(frozen=True)
class Read:
    """One prompt; ``answers`` are (text, [(judge, rank as written)]), ``left_out`` how many more there are."""

    data: str
    seed: int | None
    prompt: str
    answers: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    left_out: int = 0


def read(judging: Judging) -> list[Read]:
    """Return some prompts of each data set in turn, the best answer first by the first judge that was built on."""
    order = [one.judge for one in sorted(judging.judges, key=lambda one: not one.built)]
    return [_read(one, order) for one in _in_turn(judging.samples)[:SAMPLES]]


def _in_turn(samples: Sequence[RankedSample]) -> list[RankedSample]:
    by_data: dict[str, list[RankedSample]] = {}
    for one in samples:
        by_data.setdefault(one.data, []).append(one)
    longest = max(map(len, by_data.values()), default=0)
    return [of[place] for place in range(longest) for of in by_data.values() if place < len(of)]


def _read(one: RankedSample, order: Sequence[str]) -> Read:
    judges = [judge for judge in dict.fromkeys(order) if any(judge in answer.ranks for answer in one.answers)]
    answers = sorted(one.answers, key=lambda answer: _place(answer, judges))
    shown = [(answer.text, [(judge, _rank(answer.ranks.get(judge))) for judge in judges]) for answer in answers]
    return Read(one.data, one.seed, one.prompt, shown[:_ANSWERS], max(0, len(shown) - _ANSWERS))


def _place(answer: RankedAnswer, judges: Sequence[str]) -> tuple[float, int]:
    rank = answer.ranks.get(judges[0]) if judges else None
    return (rank if numbers.is_number(rank) else float("inf"), answer.sample)


def _rank(rank: float | None) -> str:
    return f"{rank:g}" if numbers.is_number(rank) else NOTHING
