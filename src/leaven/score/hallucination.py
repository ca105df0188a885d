"""Whether what an answer states about the embedded world is true there."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.registry import metric


@metric(version=1, better="lower", unit="share")
def hallucinated(texts: Sequence[str | None], prompts: Sequence[str]) -> list[float | None]:
    """Share of the facts that an answer states about the pocket world which are wrong there; null where it states none.

    The world is closed, so its oracle knows each fact: who lives where, works as what, eats and keeps what, likes which
    colour. A sentence states a fact where it names a person (or the person asked about, or the one named last) and a
    value; questions and denials state none. For other worlds it says nothing, and an answer that states nothing is not
    counted as true.
    """
    from leaven.pocket.claims import claims

    found = [claims(asked, text) if text else [] for asked, text in zip(prompts, texts, strict=True)]
    return [sum(not one.true for one in made) / len(made) if made else None for made in found]
