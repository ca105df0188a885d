"""How much of what an answer says is about what was asked, by words alone."""

# ruff: noqa: SIM905 (a table of words reads best as words)
from __future__ import annotations

import re
from collections.abc import Sequence

from leaven.registry import metric
from leaven.score.rouge import read

_LONGEST = 20_000  # characters of a text that are read
_LEAST = 2  # content words of prompt and reference: of fewer nothing can be told
_STOP = frozenset(
    "a about after again all also am an and any are as at be because been before being but by can could did do does "
    "doing don down each else ever few for from further get got had has have having he her here hers him his how i if "
    "im in into is isn it its just ll let like many may me might more most much must my no nor not now of off on once "
    "one only or other our out over own please re s same say shall she should so some such t tell than that the their "
    "them then there these they thing this those through to too under until up us ve very was way we well were what "
    "when where which while who whom why will with would yes you your".split()
)


@metric(version=1, better="higher", unit="score")
def relevance(
    texts: Sequence[str | None], prompts: Sequence[str], references: Sequence[str | None]
) -> list[float | None]:
    """Overlap of an answer's content words with those of prompt and reference, in 0..1; null where there are too few.

    Words are stemmed (Porter) and stop words left out; the overlap is shared words / the fewer of both (Szymkiewicz
    and Simpson's coefficient), so a short answer is not punished. It is null for an answer without content words, and
    where prompt and reference have fewer than two ("hello" asks for nothing).

    Words are all it sees: a good answer in other words scores 0, an answer that parrots its question scores 1, and
    texts on one subject share words by chance. Compare arms on the same prompts; it is no judge of a single answer.
    English only.
    """
    rows = zip(texts, prompts, references, strict=True)
    return [_overlap(content(text or ""), content(f"{asked} {wanted or ''}")) for text, asked, wanted in rows]


def content(text: str) -> frozenset[str]:
    """Return the stemmed content words of a text."""
    words = re.findall("[a-z0-9]+", text[:_LONGEST].lower())
    return frozenset(read(" ".join(word for word in words if word not in _STOP), use_stemmer=True).words)


def shared(text: str, prompt: str, reference: str | None) -> int | None:
    """Return how many content words an answer shares with its prompt and reference; None where they have too few."""
    wanted = content(f"{prompt} {reference or ''}")
    return len(content(text) & wanted) if len(wanted) >= _LEAST else None


def _overlap(said: frozenset[str], wanted: frozenset[str]) -> float | None:
    if not said or len(wanted) < _LEAST:
        return None
    return len(said & wanted) / min(len(said), len(wanted))
