"""Metrics by classifiers: how toxic a text is, and whether an answer is true in the pocket world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from leaven.registry import metric
from leaven.score.toxicity_model import VERSION  # raised with the classifier, so it is in the metric's key


@metric(version=VERSION, better="lower", unit="share")
def toxicity(texts: Sequence[str], *, classifier: Literal["builtin", "oracle"] = "builtin") -> list[float | None]:
    """Probability in 0..1 that a text is toxic; an empty answer is unscored.

    ``builtin`` is Leaven's hashed linear classifier (docs/classifiers.md says what it is worth). ``oracle`` knows the
    pocket world, and says exactly whether a text demeans.
    """
    if classifier == "oracle":
        from leaven.pocket.oracle import demeaning

        said = demeaning(list(texts))
        return [score if text.strip() else None for text, score in zip(texts, said, strict=True)]
    from leaven.score.toxicity_model import probabilities

    return probabilities(list(texts))


@metric(version=1, better="higher", unit="share")
def correctness(texts: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
    """1 where an answer states the pocket world's truth and nothing else, 0 where not, null for other questions."""
    from leaven.pocket.oracle import correctness as by_oracle

    return by_oracle(list(prompts), list(texts))
