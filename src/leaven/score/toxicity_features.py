"""What the built-in toxicity classifier reads of a text: hashed words, word pairs and windows inside words.

The hash is our own, a polynomial one modulo 2**64 over code points. numpy computes it for a whole batch at
once, so it is several times faster than a vectoriser that loops over n-grams, needs no scikit-learn (a second
of import), and cannot change meaning when another package is upgraded.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 19

BASE = 0x9E3779B97F4A7C15  # odd, hence invertible modulo 2**64
_BASE_INVERSE = pow(BASE, -1, 2**64)
WORD_SALT, PAIR_SALT, _CHAR_SALT = 0x1000, 0x2000, 0x3000

Hashed = tuple["NDArray[np.int64]", "NDArray[np.uint64]"]  # rows and hashes, aligned

_INVISIBLE = re.compile("[\u0300-\u036f\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")
NOISE = re.compile(r"https?://\S+|www\.\S+|(?<!\w)@\w{3,}|&#?\w{1,8};")
SPACED_OUT = re.compile(r"(?<![a-z])(?:[a-z][ ._-]){2,}[a-z](?![a-z])")
_SEPARATOR = re.compile(r"[ ._-]")
DISGUISED = re.compile(r"(?<=[a-z])[0134578@$!*]+(?=[a-z])|[@$](?=[a-z])")
STRETCHED = re.compile(r"(\w)\1{2,}")
UNMASK = str.maketrans("0134578@$!*", "oieastbasi\u00d7")  # a masked letter stays one odd letter


class Features(NamedTuple):
    """Distinct hashed n-grams of a batch: ``bucket[k]`` occurs in text ``row[k]``; sorted by both."""

    row: NDArray[np.int64]
    bucket: NDArray[np.int64]


def normalise(text: str) -> str:
    """Lower-case text without links, mentions, accents, invisible marks and the usual disguises."""
    if not text.isascii():
        # In slices, because canonical ordering is quadratic in a run of combining marks; and cut, because
        # one character may decompose into eighteen.
        slices = (text[i : i + 512] for i in range(0, len(text), 512))
        text = _INVISIBLE.sub("", "".join(unicodedata.normalize("NFKD", s)[:2048] for s in slices))
    text = without_apostrophes(NOISE.sub(" ", text.lower()))
    text = SPACED_OUT.sub(lambda m: _SEPARATOR.sub("", m[0]), text)
    text = DISGUISED.sub(lambda m: m[0].translate(UNMASK), text)
    return STRETCHED.sub(r"\1\1", text)


def without_apostrophes(text: str) -> str:
    """Join what apostrophes of three kinds part."""
    return text.replace("'", "").replace("\u2019", "").replace("`", "")


def features(texts: list[str]) -> Features:
    """Hashed words, word pairs and 3- to 5-character windows inside words, each counted once a text."""
    codes, row = code_points([normalise(text) for text in texts])
    found = word_hashes(codes, row) + char_hashes(codes, row)
    rows, hashes = (np.concatenate(part) for part in zip(*found, strict=True))
    distinct = np.unique((rows << BITS) | buckets(hashes))
    return Features(distinct >> BITS, distinct & ((1 << BITS) - 1))


def buckets(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The buckets that hashes fall into."""
    return (mix(hashes) >> np.uint64(64 - BITS)).astype(np.int64)


def code_points(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
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


def word_hashes(codes: NDArray[np.uint64], row: NDArray[np.int64]) -> list[Hashed]:
    """Rows and hashes of words and of pairs of neighbours.

    A word from s to e hashes to (Q[e] - Q[s]) / B**s with Q the running sum of code * B**position, so that
    its place in the batch cancels.
    """
    space = codes == ord(" ")
    start = np.flatnonzero(space[:-1] & ~space[1:]) + 1
    end = np.flatnonzero(~space[:-1] & space[1:]) + 1
    powers = np.full(len(codes), BASE, dtype=np.uint64)
    powers[0] = 1
    prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * np.cumprod(powers))])
    powers[1:] = _BASE_INVERSE
    word = mix((prefix[end] - prefix[start]) * np.cumprod(powers)[start])
    near = row[start[1:]] == row[start[:-1]]
    pair = word[:-1] * np.uint64(BASE) + word[1:]
    return [
        (row[start], word + np.uint64(WORD_SALT)),
        (row[start[1:]][near], pair[near] + np.uint64(PAIR_SALT)),
    ]


def char_hashes(codes: NDArray[np.uint64], row: NDArray[np.int64]) -> list[Hashed]:
    """Rows and hashes of windows of 3 to 5 characters that have a space at most at their ends."""
    found = []
    spaces = np.concatenate([[0], np.cumsum(codes == ord(" "))])
    value = codes[:-1] * np.uint64(BASE) + codes[1:]
    for size in (3, 4, 5):
        if len(codes) < size:
            break
        last = np.arange(size - 1, len(codes))
        value = value[: len(last)] * np.uint64(BASE) + codes[last]
        inside = spaces[last] == spaces[last - size + 2]
        found.append((row[last][inside], value[inside] + np.uint64(_CHAR_SALT + size)))
    return found


def mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every input bit over the whole word (the finaliser of murmur3)."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        hashes = (hashes ^ (hashes >> np.uint64(33))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(33))
