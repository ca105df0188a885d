"""Whether answers of a probe stand word for word in a text: the longest span of each, and how many are long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leaven.errors import DataError
from leaven.probe.measured import Answered, Probed, Rate, rate

_NOTHING = ("", "\N{REPLACEMENT CHARACTER} nothing is held out \N{REPLACEMENT CHARACTER}")  # an index wants some


@dataclass(frozen=True)
class Recital:
    """An answer with a long span: how many tokens of it stand in the text, in which row, and what they are."""

    answer: Answered
    tokens: int
    source: str
    excerpt: str


@dataclass(frozen=True)
class Recited:
    """How much of the answers stands in ``source`` for ``span`` tokens or more, and in held-out text of equal size.

    ``rate`` is over the whole source; ``slice`` over a part of it as large as what is held out, so that ``slice`` minus
    ``held_out`` is the excess over chance. Both are None where nothing is held out. ``longest`` are the worst.
    """

    source: str
    span: int
    tokenizer: str
    rate: Rate
    slice: Rate | None
    held_out: Rate | None
    median: float
    longest: list[Recital]


def recited(
    found: Probed, source: str, held_out: str | None = None, *, span: int = 20, tokenizer: str = "words"
) -> Recited:
    """Look every answer up in a source of data; raises DataError or ModelError where that cannot be.

    Spans that stand in all that the model was asked with do not count. ``tokenizer`` is "words", a folder or a name of
    the hub.
    """
    from statistics import median

    from leaven.score.verbatim.index import Index, build
    from leaven.score.verbatim.spans import longest
    from leaven.score.verbatim.tokens import counting, resolve

    counted = resolve(tokenizer)
    count = counting(counted.args, None if counted.path is None else Path(counted.path))
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), _texts(source), iter([_NOTHING]) if held_out is None else _texts(held_out))
        texts, prompts = [one.text for one in found.answers], [one.asked for one in found.answers]
        spans = list(longest(Index(Path(folder)), count, texts, prompts))
    both = [max(one["slice"], one["rest"], key=lambda span: span.tokens) for one in spans]
    recitals = [
        Recital(answer, one.tokens, one.source, one.excerpt) for answer, one in zip(found.answers, both, strict=True)
    ]

    def share(part: str) -> Rate:
        return rate([(a.id, float(one[part].tokens >= span)) for a, one in zip(found.answers, spans, strict=True)])

    return Recited(
        source,
        span,
        tokenizer,
        rate([(one.answer.id, float(one.tokens >= span)) for one in recitals]),
        None if held_out is None else share("slice"),
        None if held_out is None else share("held_out"),
        float(median(one.tokens for one in recitals)),
        sorted(recitals, key=lambda one: -one.tokens)[:3],
    )


def refuse(source: str) -> None:
    """Raise DataError for a source that cannot be read, before anybody is asked anything."""
    next(_texts(source), None)


def _texts(source: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of a source with the ids of their rows, in the format that its first rows suggest."""
    from leaven.data import canonical, sources
    from leaven.data.recognised import recognised
    from leaven.registry import Step
    from leaven.score.verbatim.texts import of_row

    if (said := sources.problem(source)) is not None:
        raise DataError(said)
    try:
        known_as = sources.identity(source)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}") from error
    name = recognised(source, known_as, None, canonical.Slice()).format
    if name is None:
        raise DataError(f"{source}: no format reads its rows; give a text file, or rows that `leaven data` recognises")
    step = Step(name=name)
    for batch in canonical.canonical(source, step, canonical.Slice(), "drop", known_as):
        for row in batch.rows:
            yield from ((row["id"], text) for text in of_row(row, canonical.makes(step)))
