"""Metrics read off an answer alone: its length, and whether the model stopped by itself."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.registry import metric


@metric(version=1, better=None, unit="words")
def length(texts: Sequence[str]) -> list[float | None]:
    """Length of the answer in words, split at white space."""
    return [float(len(text.split())) for text in texts]


@metric(version=1, better="higher", unit="share")
def stop_rate(finish_reasons: Sequence[str]) -> list[float | None]:
    """1 where the model ended its answer itself, 0 where the token limit cut it off."""
    return [float(reason == "stop") for reason in finish_reasons]
