"""Whether what was looked up carries an answer, and whether it held what was wanted: by words alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leaven.models.terms import words
from leaven.registry import Count, metric
from leaven.score.relevance import content

Parts = Callable[[str], frozenset[str]]


@metric(version=1, better="higher", unit="share")
def answer_support(
    texts: Sequence[str | None], passages: Sequence[Sequence[str] | None], *, ngram: Count = 1
) -> list[float | None]:
    """Share of an answer's content words that stand in the passages it was given, 0..1; null where none were given.

    Words are stemmed and stop words left out; with ``ngram`` 2 or more it is the share of all sequences of so many
    words, as they are written. Words are all it sees: an answer that turns a passage's meaning round is supported, and
    one that says the same in other words is not. An answer without content words (without that many words) is unscored.
    English only for ``ngram`` 1.
    """
    parts = _parts(ngram)
    return [_share(parts(text or ""), given, parts) for text, given in zip(texts, passages, strict=True)]


@metric(version=1, better="higher", unit="share")
def retrieval_hit(
    references: Sequence[str | None], passages: Sequence[Sequence[str] | None], *, ngram: Count = 1
) -> list[float | None]:
    """Share of the reference's content words that stand in the passages that were found, 0..1: what could be answered.

    It says nothing of the model: it bounds what retrieval can bring. Counted as ``answer_support``; 0 where nothing was
    found, unscored where nothing was looked up, or there is no reference.
    """
    parts = _parts(ngram)
    rows = zip(references, passages, strict=True)
    return [_share(parts(wanted or ""), given, parts) for wanted, given in rows]


def _share(said: frozenset[str], given: Sequence[str] | None, parts: Parts) -> float | None:
    if given is None or not said:
        return None
    there: frozenset[str] = frozenset().union(*map(parts, given))
    return len(said & there) / len(said)


def _parts(ngram: int) -> Parts:
    if ngram == 1:
        return content

    def sequences(text: str) -> frozenset[str]:
        said = words(text)
        return frozenset(" ".join(said[at : at + ngram]) for at in range(len(said) - ngram + 1))

    return sequences
