"""Sentiment by VADER: a lexicon and rules, no model."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.registry import metric
from leaven.score.vader import fast, vader

__all__ = ["polarity", "sentiment", "vader"]


@metric(version=1, better=None, unit="score", range=(-1.0, 1.0))
def sentiment(texts: Sequence[str]) -> list[float | None]:
    """VADER's compound score of the whole answer, -1 (most negative) to 1; an empty answer is unscored.

    Source: Hutto and Gilbert, *VADER* (ICWSM 2014), by the package vaderSentiment. It was made for short texts: the
    compound of many sentences runs to -1 or 1. English only; it reads words and a few rules, not what is meant.
    """
    scores = fast().scores
    return [float(scores(text)["compound"]) if text.strip() else None for text in texts]


@metric(version=1, better=None, unit="score", range=(-1.0, 1.0))
def polarity(texts: Sequence[str]) -> list[float | None]:
    """VADER's positive share of a text less its negative one, -1 to 1; an empty text is unscored.

    Both shares are VADER's own, rounded to three places: how much of the text, word by word, is positive or negative.
    Above 0 the positive one is the larger, so that a threshold of 0 gives ties, such as text without any charged word,
    to the negative class, as studies do that take the larger of the two. Source and limits as of ``sentiment``.
    """
    scores = fast().scores
    found = [scores(text) if text.strip() else None for text in texts]
    return [None if one is None else round(one["pos"] - one["neg"], 3) for one in found]
