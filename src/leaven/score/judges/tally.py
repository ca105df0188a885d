"""What a judge said of answers -> ranks and votes, by sample. Every answer has a row, scored or with a reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from leaven.rows import Row
from leaven.score.judges.candidates import Candidate, Candidates
from leaven.score.judges.declared import ByWords, Pairing, Pointing
from leaven.score.judges.questions import Question
from leaven.score.judges.verdicts import Verdict

NO_VALUE = "it has no value"


@dataclass(frozen=True)
class _Said:
    """What a judge made of one answer: a score or a rank, where it stood, or why there is neither."""

    score: float | None = None
    rank: float | None = None
    place: int | None = None
    reason: str | None = None


def ranked(scores: Mapping[int, float | None], counts: Mapping[int, int]) -> dict[int, float]:
    """Return the rank of each that has a score, the highest first; equal ones share the mean of their places.

    ``counts``: of how many each is one; they take up as many places.
    """
    found: dict[int, float] = {}
    taken, known = 0, {one: score for one, score in scores.items() if score is not None}
    for score in sorted(set(known.values()), reverse=True):
        alike = [one for one in known if known[one] == score]
        places = sum(counts[one] for one in alike)
        found.update(dict.fromkeys(alike, taken + (places + 1) / 2))
        taken += places
    return found


def by_scores(
    asked: Sequence[Candidates], scores: Mapping[Candidate, float | None], reasons: Mapping[Candidate, str]
) -> list[Row]:
    """Return ranks (asking 0) by a score of each different answer, higher is better; null is unscored.

    A score that is no finite number is null. ``reasons`` say why an answer has none, where there is more to say than
    that it has none.
    """
    made: list[Row] = []
    for one in asked:
        said = {}
        for sample in one.texts:
            score = scores.get(Candidate(one.id, sample))
            known = score is not None and math.isfinite(score)
            why = None if known else reasons.get(Candidate(one.id, sample), NO_VALUE)
            said[sample] = _Said(score if known else None, reason=why)
        made += _rows(one, 0, said)
    return made


def by_words(
    judge: ByWords, asked: Sequence[Candidates], answered: Iterable[tuple[Question, Verdict]]
) -> tuple[list[Row], list[Row]]:
    """Return the ranks of every asking, and the votes where the judge saw pairs."""
    told: dict[tuple[str, int], list[tuple[Question, Verdict]]] = {}
    for question, verdict in answered:
        told.setdefault((question.id, question.asking), []).append((question, verdict))
    made: list[Row] = []
    for one in asked:
        if one.unrankable is not None:
            made += _rows(one, 0, {})
        for asking in (0, 1):
            if (one.id, asking) in told:
                made += _rows(one, asking, _said(judge, told[one.id, asking]))
    votes = [_vote(*one) for both in told.values() for one in both] if isinstance(judge, Pairing) else []
    return made, votes


def _said(judge: ByWords, told: Sequence[tuple[Question, Verdict]]) -> dict[int, _Said]:
    if isinstance(judge, Pairing):
        return _shares(told)
    if isinstance(judge, Pointing):
        return {
            question.shown[0]: _Said(reason=verdict.why) if verdict.why else _Said(float(verdict.said[0]))
            for question, verdict in told
        }
    ((question, verdict),) = told
    ranks: Sequence[int | None] = verdict.said or [None] * len(question.shown)
    return {
        sample: _Said(None, rank, place, verdict.why)
        for place, (sample, rank) in enumerate(zip(question.shown, ranks, strict=True))
    }


def _shares(told: Sequence[tuple[Question, Verdict]]) -> dict[int, _Said]:
    """Return each answer's share of wins; one of which a verdict is not known has none, whatever the others say."""
    won: dict[int, list[float]] = {}
    lacking: dict[int, str] = {}
    for question, verdict in told:
        for at, sample in enumerate(question.shown):
            if verdict.why is not None:
                lacking[sample] = verdict.why
            wins = 0.5 if verdict.choice == "tie" else float(verdict.choice == ("first", "second")[at])
            won.setdefault(sample, []).append(wins)
    return {
        sample: _Said(reason=lacking[sample]) if sample in lacking else _Said(sum(wins) / len(wins))
        for sample, wins in won.items()
    }


def _vote(question: Question, verdict: Verdict) -> Row:
    first, second = question.shown
    about = {"id": question.id, "asking": question.asking, "first": first, "second": second}
    return {**about, "choice": verdict.choice, "reason": verdict.why}


def _rows(one: Candidates, asking: int, said: Mapping[int, _Said]) -> Iterator[Row]:
    """Yield a row for each sample: equal answers have been judged as one, and share the mean of their places."""
    if one.unrankable is not None:
        said = {first: _Said(reason=one.unrankable) for first in one.texts}
    # A rank as it was given is a score as well, the lower the better.
    order = {first: about.score if about.rank is None else -about.rank for first, about in said.items()}
    ranks = ranked(order, {first: len(one.same[first]) for first in said})
    firsts = {sample: first for first, alike in one.same.items() for sample in alike}
    silent = {sample: _Said(reason=f"not answered: {why}") for sample, why in one.silent.items()}
    for sample in one.samples:
        about = silent.get(sample) or said[firsts[sample]]
        yield {
            "id": one.id, "sample": sample, "asking": asking, "place": about.place,
            "rank": ranks.get(firsts.get(sample, -1)), "score": about.score, "reason": about.reason,
        }  # fmt: skip
