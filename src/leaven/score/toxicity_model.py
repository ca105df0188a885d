"""The built-in toxicity classifier: logistic regression on hashed words and characters.

It knows no context and no world: see ``docs/classifiers.md`` for what it can tell and how far it transfers.
Trained by ``scripts/train_classifier.py``, which uses the very features defined here.

The hash is our own, a polynomial one modulo 2**64 over code points. numpy computes it for a whole batch at
once, so it is several times faster than a vectoriser that loops over n-grams, needs no scikit-learn (a second
of import), and cannot change meaning when another package is upgraded.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

VERSION: int = 1
"""Raise it whenever a probability changes: it is part of the key of every toxicity score."""

BITS = 19
PIECE = 20_000
"""Characters; a longer text is read in pieces and its most toxic piece counts."""

_BATCH = 200_000  # characters scored at once: keeps memory flat (tens of MB) however long the list
_BASE = 0x9E3779B97F4A7C15  # odd, hence invertible modulo 2**64
_BASE_INVERSE = pow(_BASE, -1, 2**64)
_WORD_SALT, _PAIR_SALT, _CHAR_SALT = 0x1000, 0x2000, 0x3000

Hashed = tuple["NDArray[np.int64]", "NDArray[np.uint64]"]  # rows and hashes, aligned

_INVISIBLE = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_NOISE = re.compile(r"https?://\S+|www\.\S+|(?<!\w)@\w{3,}|&#?\w{1,8};")
_SPACED_OUT = re.compile(r"(?<![a-z])(?:[a-z][ ._-]){2,}[a-z](?![a-z])")
_SEPARATOR = re.compile(r"[ ._-]")
_DISGUISED = re.compile(r"(?<=[a-z])[0134578@$!*]+(?=[a-z])|[@$](?=[a-z])")
_STRETCHED = re.compile(r"(\w)\1{2,}")
_UNMASK = str.maketrans("0134578@$!*", "oieastbasi\u00d7")  # a masked letter stays one odd letter
_APOSTROPHES = str.maketrans("", "", "'\u2019`")


class Features(NamedTuple):
    """Distinct hashed n-grams of a batch: ``bucket[k]`` occurs in text ``row[k]``; sorted by both."""

    row: NDArray[np.int64]
    bucket: NDArray[np.int64]


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


def normalise(text: str) -> str:
    """Lower-case text without links, mentions, accents, invisible marks and the usual disguises."""
    if not text.isascii():
        # In slices, because canonical ordering is quadratic in a run of combining marks; and cut, because
        # one character may decompose into eighteen.
        slices = (text[i : i + 512] for i in range(0, len(text), 512))
        text = _INVISIBLE.sub("", "".join(unicodedata.normalize("NFKD", s)[:2048] for s in slices))
    text = _NOISE.sub(" ", text.lower()).translate(_APOSTROPHES)
    text = _SPACED_OUT.sub(lambda m: _SEPARATOR.sub("", m[0]), text)
    text = _DISGUISED.sub(lambda m: m[0].translate(_UNMASK), text)
    return _STRETCHED.sub(r"\1\1", text)


def features(texts: list[str]) -> Features:
    """Hashed words, word pairs and 3- to 5-character windows inside words, each counted once a text."""
    codes, row = _code_points([normalise(text) for text in texts])
    found = _word_hashes(codes, row) + _char_hashes(codes, row)
    rows, hashes = (np.concatenate(part) for part in zip(*found, strict=True))
    bucket = (_mix(hashes) >> np.uint64(64 - BITS)).astype(np.int64)
    distinct = np.unique((rows << BITS) | bucket)
    return Features(distinct >> BITS, distinct & ((1 << BITS) - 1))


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
    row, bucket = features(pieces)
    count = np.bincount(row, minlength=len(pieces))
    total = np.bincount(row, weights=weights.bucket[bucket], minlength=len(pieces))
    logit = total / np.sqrt(np.maximum(count, 1)) + weights.intercept
    probability = 1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0)))
    return [float(p) if n else None for p, n in zip(probability, count, strict=True)]


def read_weights(raw: bytes) -> Weights:
    """Weights from the bytes of a safetensors file: ``weight`` (float16, one a bucket) and ``intercept``."""
    from safetensors.numpy import load

    stored = load(raw)
    assert stored["weight"].shape == (1 << BITS,), "weights and features were made for other bucket counts"
    return Weights(stored["weight"].astype(np.float64), float(stored["intercept"][0]))


@cache
def _shipped_weights() -> Weights:
    return read_weights(resources.files("leaven.score").joinpath("weights/toxicity.safetensors").read_bytes())


def _code_points(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The texts' code points, every word with one space before and after; and the row of each."""
    joined = "".join(f" {text} " for text in texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype="<u4")
    row = np.repeat(np.arange(len(texts), dtype=np.int64), [len(text) + 2 for text in texts])
    letter = ((codes >= ord("a")) & (codes <= ord("z"))) | (codes >= 0xC0)
    letter &= ~((codes >= 0x2000) & (codes <= 0x206F)) & ~((codes >= 0x3000) & (codes <= 0x303F))
    digit = (codes >= ord("0")) & (codes <= ord("9"))
    codes = np.where(letter, codes, np.where(digit, ord("0"), ord(" ")))
    space = codes == ord(" ")
    keep = ~space
    keep[0] = True
    keep[1:] |= ~space[:-1] | (row[1:] != row[:-1])
    return codes[keep].astype(np.uint64), row[keep]


def _word_hashes(codes: NDArray[np.uint64], row: NDArray[np.int64]) -> list[Hashed]:
    """Rows and hashes of words and of pairs of neighbours.

    A word from s to e hashes to (Q[e] - Q[s]) / B**s with Q the running sum of code * B**position, so that
    its place in the batch cancels.
    """
    space = codes == ord(" ")
    start = np.flatnonzero(space[:-1] & ~space[1:]) + 1
    end = np.flatnonzero(~space[:-1] & space[1:]) + 1
    powers = np.full(len(codes), _BASE, dtype=np.uint64)
    powers[0] = 1
    prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * np.cumprod(powers))])
    powers[1:] = _BASE_INVERSE
    word = _mix((prefix[end] - prefix[start]) * np.cumprod(powers)[start])
    near = row[start[1:]] == row[start[:-1]]
    pair = word[:-1] * np.uint64(_BASE) + word[1:]
    return [
        (row[start], word + np.uint64(_WORD_SALT)),
        (row[start[1:]][near], pair[near] + np.uint64(_PAIR_SALT)),
    ]


def _char_hashes(codes: NDArray[np.uint64], row: NDArray[np.int64]) -> list[Hashed]:
    """Rows and hashes of windows of 3 to 5 characters that have a space at most at their ends."""
    found = []
    spaces = np.concatenate([[0], np.cumsum(codes == ord(" "))])
    value = codes[:-1] * np.uint64(_BASE) + codes[1:]
    for size in (3, 4, 5):
        if len(codes) < size:
            break
        last = np.arange(size - 1, len(codes))
        value = value[: len(last)] * np.uint64(_BASE) + codes[last]
        inside = spaces[last] == spaces[last - size + 2]
        found.append((row[last][inside], value[inside] + np.uint64(_CHAR_SALT + size)))
    return found


def _mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every input bit over the whole word (the finaliser of murmur3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(33))
