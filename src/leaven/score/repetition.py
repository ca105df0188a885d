"""How much a text repeats itself."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.registry import metric

_REPEATED, _DISTINCT = (2, 3, 4), (1, 2)
_VALUES = (*(f"rep_{n}" for n in _REPEATED), *(f"distinct_{n}" for n in _DISTINCT))


@metric(version=1, values=_VALUES, better=None, unit="share")
def repetition(texts: Sequence[str]) -> dict[str, list[float | None]]:
    """Shares of an answer's n-grams that it said before (rep_2..4), and distinct n-grams for each word (distinct_1..2).

    rep_n is 1 - distinct n-grams / n-grams (Welleck et al. 2020, seq-rep-n), 0 where nothing recurs. distinct_n is
    distinct n-grams / words (Li et al. 2016), here of each answer and not of all together, so it falls with length.
    Words are split at white space, capitals ignored. Null where an answer has fewer than n words.
    """
    words = [text.lower().split() for text in texts]
    return {
        **{f"rep_{n}": [_repeated(one, n) for one in words] for n in _REPEATED},
        **{f"distinct_{n}": [_distinct(one, n) for one in words] for n in _DISTINCT},
    }


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def _repeated(words: Sequence[str], n: int) -> float | None:
    grams = _grams(words, n)
    return 1 - len(set(grams)) / len(grams) if grams else None


def _distinct(words: Sequence[str], n: int) -> float | None:
    grams = _grams(words, n)
    return len(set(grams)) / len(words) if grams else None
