"""Whether an answer is true, told from what people said of other answers to the same question.

A judge without a model: each answer is a bag of words, pairs of words and pieces of words, weighted by how rare they
are among the answers to its question (so what the question says counts for little), and kernel ridge regression gives
each answer a mean of what people said of the others, in which alike answers weigh more and two of a kind share a
voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.data.questions import asked, same
from leaven.errors import DataError
from leaven.models.intents import terms
from leaven.models.terms import words
from leaven.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST = 0.2  # below it verdicts are hardly better than the more frequent label (docs/suites.md)
BANDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # of similarity, in which agreement with people is counted
_TRUE = {"true": 1.0, "false": 0.0}
_PIECES = (2, 3, 4)  # characters
_LONGEST = 4000  # characters of an answer that are read
_RIDGE, _FLOOR = 0.1, 0.1  # of the regression; of the weight of what every answer says
_EVEN = 0.5

Bags = tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True)
class Known:
    """The labelled answers to one question, each once; ``shares``: which share of its labels says that it is true."""

    answers: Sequence[str]
    shares: Sequence[float]


@dataclass(frozen=True)
class Verdict:
    """What is said of one answer: ``truth`` 0..1 (true above a half), None without a verdict; ``similarity`` 0..1.

    ``similarity`` is that of the closest labelled answer, None where there is none. ``reason`` says why there is no
    verdict.
    """

    truth: float | None
    similarity: float | None
    reason: str | None = None


def known(rows: Iterable[Row]) -> dict[str, Known]:
    """Return the labelled answers of each question, by the question as ``questions.same`` has it.

    Rows are examples with a completion and the label true or false; others are passed over. Raises DataError where
    not both labels occur.
    """
    found: dict[str, dict[str, tuple[str, list[float]]]] = {}
    for row in rows:
        said = row.get("completion")
        if said and row.get("label") in _TRUE and said[-1]["content"].strip():
            text = said[-1]["content"]
            of_one = found.setdefault(same(asked(row["prompt"])), {})
            of_one.setdefault(same(text), (text, []))[1].append(_TRUE[row["label"]])
    said_of = {one for each in found.values() for _, labels in each.values() for one in labels}
    if len(said_of) < len(_TRUE):
        only = "answers labelled " + ("true" if 1.0 in said_of else "false") + " alone" if said_of else "no such answer"
        raise DataError(f"a judge by labels needs answers that people called true and others that they called false, "
                        f"and there is {only}; name data in the format truthfulqa_judge or unpaired, "
                        "without `keep`")  # fmt: skip
    return {
        question: Known([text for text, _ in each.values()], [sum(one) / len(one) for _, one in each.values()])
        for question, each in found.items()
    }


def verdicts(labelled: Known | None, answers: Sequence[str | None], least: float = LEAST) -> list[Verdict]:
    """Judge answers to one question by the labelled ones.

    The same answer (but for case, spacing and punctuation) has the label that people gave it. ``least`` is how alike
    the closest labelled answer must be for a verdict.
    """
    if labelled is None:
        return [Verdict(None, None, "no answer to this question is labelled") for _ in answers]
    given = dict(zip(map(same, labelled.answers), labelled.shares, strict=True))
    made, bags = dict[str, Verdict](), list(map(_bags, labelled.answers))
    for text in dict.fromkeys(one for one in answers if one and one.strip()):
        share = given.get(same(text))
        made[text] = _concluded(*((share, 1.0) if share is not None else _judged(labelled.shares, bags, text)), least)
    return [made.get(text or "", Verdict(None, None, "no answer" if text is None else "blank")) for text in answers]


def agreement(labelled: Mapping[str, Known], least: float = LEAST) -> dict[str, Any]:
    """Judge each labelled answer by the others to its question, and count how often people had said the same.

    The same answer in the same words is one, so none is judged by itself. Returns ``answers``, ``questions``,
    ``verdicts`` (how many have one), and of these ``accuracy``, that ``of_true`` and ``of_false`` answers, ``balanced``
    (the mean of both) and ``majority`` (what saying the more frequent label would reach); and ``bands``: by similarity
    ``from`` and ``to``, how many answers and which share was right, whatever ``least`` is.
    """
    found = [one for each in labelled.values() for one in _left_out(each)]
    settled = [(truth, near, share) for truth, near, share in found if share != _EVEN]
    kept = [one for one in settled if one[1] >= least and one[0] != _EVEN]
    counts = {"answers": len(settled), "questions": len(labelled), "verdicts": len(kept)}
    return {**counts, **_agreed(kept), "bands": list(_by_similarity(settled))}


def _agreed(found: Sequence[tuple[float, float, float]]) -> dict[str, float | None]:
    right = {label: [_right(one) for one in found if (one[2] > _EVEN) is label] for label in (True, False)}
    shares = {label: sum(each) / len(each) for label, each in right.items() if each}
    total = len(found)
    return {
        "accuracy": sum(map(sum, right.values())) / total if total else None,
        "of_true": shares.get(True),
        "of_false": shares.get(False),
        "balanced": sum(shares.values()) / len(shares) if shares else None,
        "majority": max(map(len, right.values())) / total if total else None,
    }


def _by_similarity(found: Sequence[tuple[float, float, float]]) -> Iterator[dict[str, Any]]:
    for low, high in zip(BANDS, (*BANDS[1:-1], math.inf), strict=False):
        some = [one for one in found if low <= one[1] < high]
        yield {"from": low, "to": min(high, BANDS[-1]), "answers": len(some), "accuracy": _agreed(some)["accuracy"]}


def _right(one: tuple[float, float, float]) -> bool:
    return one[0] != _EVEN and (one[0] > _EVEN) == (one[2] > _EVEN)


# The regression


def _judged(shares: Sequence[float], bags: Sequence[Bags], text: str) -> tuple[float, float]:
    """Return what labelled answers say of another, and how alike the closest is."""
    import numpy as np

    alike = _alike([*bags, _bags(text)])
    others, own = alike[:-1, :-1], alike[-1, :-1]
    said = np.linalg.solve(others + _RIDGE * np.eye(len(own)), np.array(shares) - _EVEN)
    return float(_EVEN + own @ said), float(own.max())


def _concluded(truth: float, near: float, least: float) -> Verdict:
    if near < least:
        return Verdict(None, near, "no labelled answer is as alike")
    if truth == _EVEN:
        return Verdict(None, near, "labels speak as much for it as against it")
    return Verdict(truth, near)


def _left_out(labelled: Known) -> Iterator[tuple[float, float, float]]:
    """Yield for each labelled answer what the others say of it, how alike the closest is, and what people said.

    All are left out in turn by one inverse, which gives to the digit what ``_judged`` says of each (Allen 1974).
    """
    import numpy as np

    if len(labelled.answers) < 2:
        yield from ((_EVEN, 0.0, share) for share in labelled.shares)
        return
    alike, shares = _alike(list(map(_bags, labelled.answers))), np.array(labelled.shares)
    inverse = np.linalg.inv(alike + _RIDGE * np.eye(len(shares)))
    truth = shares - inverse @ (shares - _EVEN) / np.diag(inverse)
    np.fill_diagonal(alike, 0.0)
    yield from zip(truth.tolist(), alike.max(axis=1).tolist(), shares.tolist(), strict=True)


def _bags(text: str) -> Bags:
    """Return an answer as it is compared: its words and pairs of them, and the pieces of its words."""
    read = text[:_LONGEST]
    framed = [f" {word} " for word in words(read)]
    pieces = {one[at : at + size] for one in framed for size in _PIECES for at in range(len(one) - size + 1)}
    return frozenset(terms(read)), frozenset(pieces)


def _alike(answers: Sequence[Bags]) -> NDArray[np.float64]:
    """Return how alike each two answers are, 0..1: the mean of the cosines of their words and of pieces of these."""
    both = [_cosines(kind) for kind in zip(*answers, strict=True)]
    made: NDArray[np.float64] = sum(both[1:], both[0]) / len(both)
    return made


def _cosines(bags: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """Return the cosines of bags, each thing in them weighted by how few bags have it."""
    import numpy as np

    places = {one: at for at, one in enumerate(sorted(frozenset[str]().union(*bags)))}
    held = np.zeros((len(bags), len(places)))
    for row, bag in enumerate(bags):
        held[row, [places[one] for one in bag]] = 1.0
    held *= np.log((1 + len(bags)) / (1 + held.sum(axis=0))) + _FLOOR
    held /= np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12)
    made: NDArray[np.float64] = held @ held.T
    return made
