"""Which of two answers a model prefers: from the verdicts that the verb ``verdicts`` writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from leaven.registry import metric

Normalize = Literal["tokens", "none"]
Scores = Sequence[float | None]
Tokens = Sequence[int | None]


@metric(version=1, better="higher", unit="share")
def preference_accuracy(
    chosen_scores: Scores,
    rejected_scores: Scores,
    chosen_tokens: Tokens,
    rejected_tokens: Tokens,
    *,
    normalize: Normalize = "tokens",
) -> list[float | None]:
    """1 where a model scores the preferred answer above the other, 0 where below, 0.5 for a tie; chance is 0.5.

    A reward model's rewards are compared as they are, whatever ``normalize`` says. A language model's score is the
    log-probability of the answer's own text given the prompt. A sum over tokens falls with every token, so by sums
    (``normalize: none``) the shorter answer nearly always wins; the default is the mean of a token, which knows no such
    rule but may still like one length better. So read it by length difference, which is what the groups are. Null
    where an answer could not be scored.
    """
    margins = _margins(chosen_scores, rejected_scores, chosen_tokens, rejected_tokens, normalize)
    return [None if margin is None else 0.5 if margin == 0 else float(margin > 0) for margin in margins]


@metric(version=1, better=None, unit="score")
def reward_margin(
    chosen_scores: Scores,
    rejected_scores: Scores,
    chosen_tokens: Tokens,
    rejected_tokens: Tokens,
    *,
    normalize: Normalize = "tokens",
) -> list[float | None]:
    """By how much the preferred answer is scored above the other: a difference of rewards, or nats a token.

    Rewards have no unit, so margins of two reward models are not comparable. With ``normalize: none`` the margin of a
    model trained by DPO minus its reference's, times beta, is DPO's implicit reward margin (Rafailov et al. 2023).
    """
    return _margins(chosen_scores, rejected_scores, chosen_tokens, rejected_tokens, normalize)


def _margins(
    chosen: Scores, rejected: Scores, chosen_tokens: Tokens, rejected_tokens: Tokens, normalize: str
) -> list[float | None]:
    better = [_score(*one, normalize) for one in zip(chosen, chosen_tokens, strict=True)]
    worse = [_score(*one, normalize) for one in zip(rejected, rejected_tokens, strict=True)]
    return [None if high is None or low is None else high - low for high, low in zip(better, worse, strict=True)]


def _score(value: float | None, tokens: int | None, normalize: str) -> float | None:
    """Return a score, by its tokens where it is a sum over them: ``tokens`` is null for a reward, which is none."""
    if value is None or not math.isfinite(value):
        return None
    if tokens is None or normalize == "none":
        return value
    return value / tokens if tokens else None
