"""Questions out: what a judge is asked about the answers to each prompt. Pure: nothing is sent from here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaven.errors import DataError
from leaven.generate.asked import Request
from leaven.rows import Message
from leaven.score.judges import wording
from leaven.score.judges.candidates import Candidates, asked_twice
from leaven.score.judges.declared import ByWords, Pairing, Pointing, Ranking

MOST = len(wording.LETTERS)  # answers in one question


@dataclass(frozen=True)
class Question:
    """One question about answers to a prompt: ``shown`` are their samples in the order in which the judge sees them."""

    id: str
    asking: int
    shown: tuple[int, ...]
    request: Request


def questions(judge: ByWords, asked: Sequence[Candidates], seed: int) -> list[Question]:
    """Return all that a judge is asked: of each prompt with different answers, and of a share of them a second time.

    Raises DataError if answers are to be ranked at once and a prompt has more of them than there are letters.
    """
    seed = seed if judge.seed is None else judge.seed
    rankable = [one for one in asked if one.unrankable is None]
    if isinstance(judge, Ranking) and (most := max((len(one.texts) for one in rankable), default=0)) > MOST:
        raise DataError(f"a prompt has {most} answers, and judge rank can be shown {MOST} at once; use pairwise")
    twice = asked_twice(rankable, judge.again, seed)
    return [
        _question(judge, one, asking, shown, seed)
        for one in rankable
        for asking in (range(2) if one.id in twice else range(1))
        for shown in _shown(judge, one, asking, seed)
    ]


def about(judge: Pointing, prompt: Sequence[Message], answer: str, seed: int) -> Question:
    """Return the question about one answer by itself; equal answers to equal prompts have one id."""
    said = json.dumps([[[turn["role"], turn["content"]] for turn in prompt], answer])
    name = hashlib.sha256(said.encode()).hexdigest()
    one = Candidates(name, tuple(prompt), {0: answer}, {0: (0,)}, {})
    return _question(judge, one, 0, (0,), seed if judge.seed is None else judge.seed)


def _shown(judge: ByWords, one: Candidates, asking: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Yield which answers are shown together, in an order of theirs; that of the second asking is the reverse."""
    if isinstance(judge, Ranking):
        yield tuple(one.order(asking, seed))
    elif isinstance(judge, Pointing):
        yield from ((sample,) for sample in one.texts)
    else:
        assert isinstance(judge, Pairing)
        for first, second in _pairs(one.order(0, seed)):
            yield (second, first) if asking else (first, second)


def _pairs(order: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield every two answers; each stands first as often as second, or once more or less."""
    for place, one in enumerate(order):
        for distance, other in enumerate(order[place + 1 :], start=1):
            yield (one, other) if distance % 2 else (other, one)


def _question(judge: ByWords, one: Candidates, asking: int, shown: tuple[int, ...], seed: int) -> Question:
    texts = [one.texts[sample] for sample in shown]
    said = [*(text for turn in one.prompt for text in (turn["role"], turn["content"])), *texts]
    marked = wording.mark(said, (one.id, asking, seed, *shown))
    name = f"{asking}:{'-'.join(map(str, shown))}:{one.id}"
    return Question(
        one.id, asking, shown, Request(name, wording.asked(judge, one.prompt, texts, marked), judge.sampling)
    )


def repair(judge: ByWords, question: Question, reply: str, why: str) -> Request:
    """Return the one further question after a reply that could not be read, for the reason ``why``."""
    how = wording.form(judge, len(question.shown))
    messages = wording.repairing(question.request.messages, reply, why, how)
    return Request(f"repair:{question.request.id}", messages, judge.sampling)
