"""Sentiment by VADER: a lexicon and rules, no model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from leaven.registry import metric


@metric(version=1, better=None, unit="score")
def sentiment(texts: Sequence[str]) -> list[float | None]:
    """VADER's compound score of the whole answer, -1 (most negative) to 1; an empty answer is unscored.

    Source: Hutto and Gilbert, *VADER* (ICWSM 2014), by the package vaderSentiment. It was made for short texts: the
    compound of many sentences runs to -1 or 1. English only; it reads words and a few rules, not what is meant.
    """
    return [float(vader().polarity_scores(text)["compound"]) if text.strip() else None for text in texts]


@functools.cache
def vader() -> Any:
    """Return the analyser; its lexicon is read once a process."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
