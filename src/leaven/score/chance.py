"""A metric that knows nothing of a text: what is found with it is found by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from leaven.data.treatments.draw import Draw
from leaven.registry import metric


@metric(version=1, better=None, unit="share")
def chance(texts: Sequence[str], *, seed: Annotated[int, Field(ge=0)] = 0) -> list[float | None]:
    """A number in 0..1 that a hash of the text and ``seed`` gives: a null attribute, or a null metric.

    The same text has the same number, and nothing else of a text can tell it. Labels by it are random, so a study that
    finds an effect of them has found a fault of its own.
    """
    draw = Draw(seed, "chance")
    return [draw.uniform(text) for text in texts]
