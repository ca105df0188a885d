"""The built-in toxicity classifier: logistic regression on hashed words and characters.

It knows no context and no world: see ``docs/classifiers.md`` for what it can tell and how far it transfers.
Trained by ``scripts/train_classifier.py``, which uses the very features that are read here.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from leaven.score.toxicity_features import BITS, Features, features, normalise
from leaven.score.toxicity_words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["BITS", "Features", "Weights", "features", "normalise", "probabilities", "read_weights"]

VERSION: int = 1
"""Raise it whenever a probability changes: it is part of the key of every toxicity score."""

PIECE = 20_000
"""Characters; a longer text is read in pieces and its most toxic piece counts."""

_BATCH = 200_000  # characters scored at once: keeps memory flat (tens of MB) however long the list


class Weights(NamedTuple):
    """One weight a bucket, and the intercept."""

    bucket: NDArray[np.float64]
    intercept: float


def probabilities(texts: list[str], *, weights: Weights | None = None) -> list[float | None]:
    """The probability that each text is toxic, in [0, 1].

    None (unscored) for a text that is empty or holds no letter or digit. Each text is scored alone: the others
    in the list, their number and order change nothing. Never raises on account of what a text holds.
    Source: this project's own model, see ``docs/classifiers.md``; ``weights`` puts another in its place.
    """
    chosen = _shipped_weights() if weights is None else weights
    best: list[float | None] = [None] * len(texts)
    for owners, pieces in _batches(texts):
        for owner, value in zip(owners, _score(pieces, chosen), strict=True):
            if value is not None:
                best[owner] = max(value, best[owner] or 0.0)
    return best


def _batches(texts: list[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Pieces of texts and the texts' positions, about ``_BATCH`` characters at a time."""
    owners: list[int] = []
    pieces: list[str] = []
    size = 0
    for owner, text in enumerate(texts):
        for start in range(0, len(text), PIECE):
            owners.append(owner)
            pieces.append(text[start : start + PIECE])
            size += len(pieces[-1])
            if size >= _BATCH:
                yield owners, pieces
                owners, pieces, size = [], [], 0
    if pieces:
        yield owners, pieces


def _score(pieces: list[str], weights: Weights) -> list[float | None]:
    total, count = _words().sums(pieces, weights.bucket)
    logit = total / np.sqrt(np.maximum(count, 1)) + weights.intercept
    probability = 1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0)))
    return [float(p) if n else None for p, n in zip(probability, count, strict=True)]


@cache
def _words() -> Words:
    """The words that were seen, once a process; they tell the same whatever was seen before."""
    return Words()


def read_weights(raw: bytes) -> Weights:
    """Weights from the bytes of a safetensors file: ``weight`` (float16, one a bucket) and ``intercept``."""
    from safetensors.numpy import load

    stored = load(raw)
    assert stored["weight"].shape == (1 << BITS,), "weights and features were made for other bucket counts"
    return Weights(stored["weight"].astype(np.float64), float(stored["intercept"][0]))


@cache
def _shipped_weights() -> Weights:
    return read_weights(resources.files("leaven.score").joinpath("weights/toxicity.safetensors").read_bytes())
