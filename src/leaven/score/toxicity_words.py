"""The features of many texts, quickly: what is hashed of a word is hashed once, for words come again.

Only pairs of neighbours cross the borders of words, and only letters that are spaced out ("i d i o t") cross those of
what stands between blanks. So each token of plain text is normalised once, each word hashed once, and texts where
letters may be spaced out, or that are not ASCII, are normalised whole. What comes out is what
``toxicity_features.features`` tells, which is the definition and what the classifier is trained on.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from leaven.score import toxicity_features as features

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_TOKENS, _MOST_CHARACTERS, _MOST_BUCKETS = 200_000, 4_000_000, 4_000_000

# As `toxicity_features.code_points` has it: letters, and digits, which are all the same.
_WORD = re.compile("[a-z0-9\u00c0-\u1fff\u2070-\u2fff\u3040-\U0010ffff]+")
_DIGITS = str.maketrans("123456789", "000000000")

# Where letters may be spaced out: between two dots, or as tokens of one letter with lone letters before and behind.
_LONE_PAIR = re.compile(r"(?<![a-z])[a-z][._-][a-z](?![a-z])")
_LONE_START, _LONE_END = re.compile(r"[a-z](?![a-z])"), re.compile(r"(?<![a-z])[a-z]\Z")
_MAY_BE_SPACED_OUT = re.compile("[set]s[sbt]|o")

Token = tuple[tuple[int, ...], str]  # the numbers of its words, and what of it may matter to its neighbours


class Words(dict[str, Token]):
    """Tokens by how they are written, and the buckets of all their words; memory is bounded."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, int] = {}
        self._new: list[str] = []  # words that have a number and were not hashed yet
        self._characters = self._filled = 0
        self._hashes = np.zeros(0, dtype=np.uint64)
        self._lengths = np.zeros(0, dtype=np.int64)
        self._starts = np.zeros(1, dtype=np.int64)
        self._buckets = np.zeros(1 << 16, dtype=np.int32)
        self._seen = np.zeros(1 << features.BITS, dtype=np.int64)
        self._counting = np.arange(1 << 14, dtype=np.int64)

    def sums(self, texts: list[str], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sum of the weights of each text's distinct buckets, and how many these are.

        Weights of half precision add up without rounding, so that their order does not matter.
        """
        if max(len(self) / _MOST_TOKENS, self._characters / _MOST_CHARACTERS, self._filled / _MOST_BUCKETS) > 1:
            self._forget()
        read = [self._read(text) for text in texts]
        self._hash_new()
        buckets, sizes = self._gathered(read)
        distinct = self._distinct(buckets, sizes)
        row = np.repeat(np.arange(len(texts)), sizes)[distinct]
        count = np.bincount(row, minlength=len(texts)).astype(np.int64)
        total = np.bincount(row, weights=weights[buckets[distinct]], minlength=len(texts)).astype(np.float64)
        return total, count

    def __missing__(self, token: str) -> Token:
        """Normalise a token of lower-case ASCII text."""
        plain = features.without_apostrophes(token)
        self._characters += len(token)
        made = features.DISGUISED.sub(lambda m: m[0].translate(features.UNMASK), plain)
        self[token] = found = (self._numbers(features.STRETCHED.sub(r"\1\1", made)), _sort(token, plain))
        return found

    def _read(self, text: str) -> list[int] | tuple[int, ...]:
        """Return the numbers of a text's words."""
        if text.isascii() and (tokens := list(map(self.__getitem__, text.lower().split()))):
            numbers, sorts = zip(*tokens, strict=True)
            if not _MAY_BE_SPACED_OUT.search("".join(sorts)):
                return list(itertools.chain.from_iterable(numbers))
        return self._numbers(features.normalise(text))

    def _numbers(self, normal: str) -> tuple[int, ...]:
        """Return the numbers of the words of normalised text; new ones get the next numbers."""
        found = _WORD.findall(normal)
        return tuple([self._number(word if word.isalpha() else word.translate(_DIGITS)) for word in found])

    def _number(self, word: str) -> int:
        number = self._known.get(word)
        if number is None:
            self._known[word] = number = len(self._known)
            self._new.append(word)
        return number

    def _hash_new(self) -> None:
        """Hash the words that were not seen before: all windows in them, and the whole."""
        new, self._new = self._new, []
        if not new:
            return
        codes, row = features.code_points(new)
        (rows, words), *_ = features.word_hashes(codes, row)
        assert len(words) == len(new), "each is one word"
        found = [(rows, words), *features.char_hashes(codes, row)]
        of, hashes = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.argsort(of, kind="stable")
        self._hashes = np.concatenate([self._hashes, words - np.uint64(features.WORD_SALT)])
        self._lengths = np.concatenate([self._lengths, np.bincount(of, minlength=len(new))])
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)])
        self._keep(features.buckets(hashes[order]).astype(np.int32))

    def _keep(self, new: NDArray[np.int32]) -> None:
        if self._filled + len(new) > len(self._buckets):
            grown = np.empty(2 * (self._filled + len(new)), dtype=np.int32)
            grown[: self._filled] = self._buckets[: self._filled]
            self._buckets = grown
        self._buckets[self._filled : self._filled + len(new)] = new
        self._filled += len(new)

    def _distinct(self, buckets: NDArray[np.int64], sizes: list[int]) -> NDArray[np.bool_]:
        """Say of each bucket whether it is the last of its kind in its text."""
        if max(sizes, default=0) > len(self._counting):
            self._counting = np.arange(max(sizes), dtype=np.int64)
        last, place = np.empty(len(buckets), dtype=bool), 0
        for size in sizes:
            found, numbers = buckets[place : place + size], self._counting[:size]
            self._seen[found] = numbers  # where a bucket comes again, its last place is what stays
            np.equal(self._seen[found], numbers, out=last[place : place + size])
            place += size
        return last

    def _gathered(self, read: list[Any]) -> tuple[NDArray[np.int64], list[int]]:
        """Return all buckets, each word's and behind them that of its pair with the word before; and texts' sizes."""
        counts = np.array([len(numbers) for numbers in read], dtype=np.int64)
        words = np.fromiter(itertools.chain.from_iterable(read), dtype=np.int64, count=int(counts.sum()))
        paired = np.ones(len(words), dtype=bool)
        paired[(np.cumsum(counts) - counts)[counts > 0]] = False
        own = self._lengths[words]
        ends = np.cumsum(own + paired)
        made = np.empty(int(own.sum()) + int(paired.sum()), dtype=np.int64)
        before = np.cumsum(own) - own  # how many of words' own come before those of each word
        order, starts = np.arange(int(own.sum())), ends - own - paired
        taken = self._buckets[order + np.repeat(self._starts[words] - before, own)]
        made[order + np.repeat(starts - before, own)] = taken
        later = np.flatnonzero(paired)
        made[ends[later] - 1] = self._pairs(words)[later - 1]
        stops = np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(counts)])]
        return made, np.diff(stops).tolist()

    def _pairs(self, words: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the buckets of each word with the next one."""
        hashed = self._hashes[words]
        return features.buckets(hashed[:-1] * np.uint64(features.BASE) + hashed[1:] + np.uint64(features.PAIR_SALT))

    def _forget(self) -> None:
        """Begin anew, with no word known."""
        self.clear()
        self._known.clear()
        self._characters = self._filled = 0
        self._hashes, self._lengths, self._starts = self._hashes[:0], self._lengths[:0], self._starts[:1]


def _sort(token: str, plain: str) -> str:
    """Return what of a token may matter to its neighbours, a letter: o where it must be read with the whole text.

    s is a single letter; b and e begin and end with a lone one, t does both. n: nothing matters.
    """
    if features.NOISE.search(token) or _LONE_PAIR.search(plain):
        return "o"
    starts, ends = _LONE_START.match(plain), _LONE_END.search(plain)
    if starts and ends:
        return "s" if len(plain) == 1 else "t"
    return "b" if starts else "e" if ends else "n"
