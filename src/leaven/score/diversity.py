"""How much the texts of one model are alike: Self-BLEU, and distinct n-grams of all texts together."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

from leaven.registry import metric

_OTHERS = 100
_ORDERS = (1, 2, 3, 4)
_NO_MATCH = 0.1  # counts in the place of none, as in nltk's SmoothingFunction.method1
_DISTINCT = (1, 2, 3)

Gram = tuple[str, ...]


@metric(version=1, better="lower", unit="score", of_list=True)
def self_bleu(texts: Sequence[str]) -> list[float | None]:
    """BLEU-4 of each answer against at most 100 other answers of the same list: high where all are alike.

    Source: Zhu et al. 2018 (Texygen). The others are the same for every answer, chosen by a hash of their place, so
    that lists of one length are read alike; an answer is none of its own. Words are lower-case, split at white space;
    equal weights up to 4-grams, brevity by the closest length, an order without a match counts 0.1 (nltk's smoothing
    method 1). Null for an answer of fewer than 4 words, and where there is no other.
    """
    grams = [[_grams(words, order) for order in _ORDERS] for words in (text.lower().split() for text in texts)]
    long = [place for place, one in enumerate(grams) if one[-1]]
    others = sorted(long, key=_hash)[:_OTHERS]
    most = _most(grams, others)
    lengths = {place: grams[place][0].total() for place in others}
    readable = set(long)
    return [
        _bleu(place, one, most, [lengths[other] for other in others if other != place]) if place in readable else None
        for place, one in enumerate(grams)
    ]


def _hash(place: int) -> bytes:
    return hashlib.blake2b(str(place).encode(), digest_size=8).digest()


def _grams(words: Sequence[str], n: int) -> Counter[Gram]:
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def _most(grams: Sequence[Sequence[Counter[Gram]]], others: Sequence[int]) -> dict[Gram, list[tuple[int, int]]]:
    """Return of each n-gram how often the text says it that says it most, and the next one: (count, place) of both.

    The second is what counts for the first itself, which is none of its own others.
    """
    found: dict[Gram, list[tuple[int, int]]] = {}
    for place in others:
        for counts in grams[place]:
            for gram, count in counts.items():
                found[gram] = sorted([*found.get(gram, ()), (count, place)], reverse=True)[:2]
    return found


def _bleu(
    place: int, grams: Sequence[Counter[Gram]], most: dict[Gram, list[tuple[int, int]]], lengths: Sequence[int]
) -> float | None:
    if not lengths:
        return None
    matches = [sum(min(count, _said(most.get(gram, ()), place)) for gram, count in counts.items()) for counts in grams]
    if not matches[0]:
        return 0.0
    told = grams[0].total()
    closest = min(lengths, key=lambda length: (abs(length - told), length))
    brevity = 1.0 if told > closest else math.exp(1 - closest / told)
    precisions = ((match or _NO_MATCH) / counts.total() for match, counts in zip(matches, grams, strict=True))
    return brevity * math.exp(math.fsum(math.log(one) for one in precisions) / len(_ORDERS))


def _said(most: Sequence[tuple[int, int]], place: int) -> int:
    return next((count for count, other in most if other != place), 0)


@metric(version=1, values=tuple(f"corpus_distinct_{n}" for n in _DISTINCT), better="higher", unit="share", of_list=True)
def corpus_distinct(texts: Sequence[str]) -> dict[str, list[float | None]]:
    """Distinct n-grams of all answers together for each n-gram told (corpus_distinct_1..3), shared out to the answers.

    Source: Li et al. 2016, over the whole list. The mean over all answers is the list's own value: an n-gram counts
    for an answer by the share of its occurrences that are there. It falls with the length of the list, so compare
    lists of one length. Words are lower-case, split at white space; null where nobody tells an n-gram.
    """
    words = [text.lower().split() for text in texts]
    return {f"corpus_distinct_{n}": _shared_out([_grams(one, n) for one in words]) for n in _DISTINCT}


def _shared_out(grams: Sequence[Counter[Gram]]) -> list[float | None]:
    whole: Counter[Gram] = Counter()
    for counts in grams:
        whole.update(counts)
    each = whole.total() / len(grams) if grams else 0
    return [sum(count / whole[gram] for gram, count in counts.items()) / each if each else None for counts in grams]
