"""How expected a text is to a model: from what the verb ``likelihood`` read off."""

from __future__ import annotations

import math
from collections.abc import Sequence

from leaven.registry import metric

_MOST = 700.0  # nats a token; beyond it the exponential is no number


@metric(version=1, better="lower", unit="score")
def perplexity(nats: Sequence[float | None], tokens: Sequence[int]) -> list[float | None]:
    """Perplexity of each row's completion, exp(nats / tokens), at least 1; null where no token was read.

    Its tokens are the model's own: compare it between arms of one tokenizer, else use ``bits_per_byte``.
    """
    return [
        None if total is None or not count else math.exp(min(total / count, _MOST))
        for total, count in zip(nats, tokens, strict=True)
    ]


@metric(version=1, better="lower", unit="bits per byte")
def bits_per_byte(nats: Sequence[float | None], bytes: Sequence[int]) -> list[float | None]:
    """Bits a byte of each row's completion (UTF-8), nats / (ln 2 * bytes); null where the completion is empty.

    Comparable across vocabularies and templates: only the text itself is counted, on both sides of the stroke.
    """
    return [
        None if total is None or not size else total / (math.log(2) * size)
        for total, size in zip(nats, bytes, strict=True)
    ]
