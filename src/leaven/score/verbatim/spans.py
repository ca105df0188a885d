"""The longest verbatim span of each answer, in tokens: many answers are looked up at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaven.score.verbatim.index import PARTS, Index
from leaven.score.verbatim.suffixes import WORD, Query
from leaven.score.verbatim.texts import SEPARATOR, evened
from leaven.score.verbatim.tokens import Tokens

if TYPE_CHECKING:
    from leaven.score.verbatim.suffixes import Places

_AT_ONCE = 2**18  # characters of answers that are looked up together
_EVERY = 8  # tokens between those that are looked up first; a power of two

Count = Callable[[Sequence[str]], list[Tokens]]


@dataclass(frozen=True)
class Span:
    """The longest span of an answer that stands in one part of the index; ``tokens`` 0: there is none.

    ``source`` is the id of a row in which it stands (there may be others), ``excerpt`` its text.
    """

    tokens: int = 0
    source: str = ""
    excerpt: str = ""


Spans = dict[str, Span]  # by the part of the index


def longest(index: Index, count: Count, answers: Sequence[str], prompts: Sequence[Sequence[str]]) -> Iterator[Spans]:
    """Yield for each answer its longest span in each part of the index.

    ``prompts`` are the texts that each was asked with: a span that stands in one of them as a whole does not count.
    Two parts of the training data are looked up apart, as nothing stands across the border of a row.
    """
    texts = [evened(answer) for answer in answers]
    for some in _batches(texts):
        tokens = count([texts[place] for place in some])
        batch = _Batch([texts[place].encode() for place in some], tokens, [prompts[place] for place in some])
        found = {part: batch.longest(index, part) for part in PARTS}
        yield from ({part: spans[place] for part, spans in found.items()} for place in range(len(some)))


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    some: list[int] = []
    size = 0
    for place, text in enumerate(texts):
        some.append(place)
        size += len(text)
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


class _Batch:
    """Answers that are looked up together: one query, the tokens of all of them one behind the other."""

    def __init__(self, texts: Sequence[bytes], tokens: Sequence[Tokens], prompts: Sequence[Sequence[str]]):
        import numpy as np

        self._query = Query(texts)
        self._prompts = [bytes([SEPARATOR]).join(evened(text).encode() for text in prompt) for prompt in prompts]
        sizes = np.asarray([len(one.starts) for one in tokens], dtype=np.int64)
        begins = np.repeat(np.cumsum([0, *(len(text) + WORD for text in texts[:-1])]), sizes)
        self._starts = begins + np.concatenate([one.starts for one in tokens])
        self._ends = begins + np.concatenate([one.ends for one in tokens])
        self._whose = np.repeat(np.arange(len(texts)), sizes)
        self._past = np.repeat(np.cumsum(sizes), sizes)  # of each token the first one of the next answer
        self._place = np.arange(len(begins)) - np.repeat(np.cumsum(sizes) - sizes, sizes)

    def longest(self, index: Index, part: str) -> list[Span]:
        """Return the longest span of each answer in one part of the index.

        A match that begins later ends no earlier, so the match at one token says how long those before it can be. Every
        eighth token is looked up, then those between that could still begin a longer span than is known.
        """
        import numpy as np

        found, ends = [Span()] * len(self._prompts), self._past.copy()  # where the span from each token ends, at most
        best = np.zeros(len(self._prompts), dtype=np.int64)
        last = np.arange(len(self._past)) == self._past - 1
        wanted = np.flatnonzero((self._place % _EVERY == 0) | last)
        gap = _EVERY
        while True:
            ends[wanted] = self._looked_up(index, part, wanted, found, best)
            if gap == 1:
                return found
            gap //= 2
            between = np.flatnonzero((self._place % (2 * gap) == gap) & ~last)
            ends[between] = ends[np.minimum(between + gap, self._past[between] - 1)]
            wanted = between[ends[between] - between > best[self._whose[between]]]

    def _looked_up(self, index: Index, part: str, wanted: Places, found: list[Span], best: Places) -> Places:
        """Look some tokens up, note spans that are longer than the best of their answers, and return where they end."""
        import numpy as np

        match = index.longest(part, self._query, self._starts[wanted])
        past = np.searchsorted(self._ends, self._starts[wanted] + match.bytes, side="right")
        ends: Places = np.maximum(past, wanted)
        # A token without text of its own (a space alone) begins no span.
        counts = np.where(self._ends[wanted] > self._starts[wanted], ends - wanted, 0)
        for at in (-counts).argsort(kind="stable").tolist():
            if not (several := int(counts[at])):
                break
            whose = int(self._whose[wanted[at]])
            if several <= best[whose]:
                continue
            span = self._query.whole[int(self._starts[wanted[at]]) : int(self._ends[wanted[at] + several - 1])]
            if span not in self._prompts[whose]:  # a shorter one from here that does would not count either
                source = index.row_id(part, int(match.shards[at]), int(match.places[at]))
                best[whose], found[whose] = several, Span(several, source, span.decode())
        return ends
