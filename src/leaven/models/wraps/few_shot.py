"""Demonstrations in front of a question, as earlier turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaven.models.wraps.wrap import Wrap
from leaven.registry import Count, Text, wrap
from leaven.rows import Message


@wrap(version=1, data={"shots": "data"})
def few_shot(*, data: Text, k: Count = 3, seed: int = 0) -> Wrap:
    """Ask behind k demonstrations of a data set, as earlier turns; an item's own row or question is none of its own.

    They are drawn once, by a hash of ``seed`` and the row's id, so that all items see the same (Brown et al. 2020 draw
    anew for each). System messages of demonstrations are left out.
    """
    del k, seed  # by what they say the demonstrations are drawn, see models/shots.py
    return Wrap(rewrites=True, rewrite=_behind, reads={"shots": data})


def _behind(messages: Sequence[Message], shots: Sequence[Any]) -> list[Message]:
    first = next((at for at, turn in enumerate(messages) if turn["role"] != "system"), len(messages))
    return [*messages[:first], *(turn for shot in shots for turn in shot), *messages[first:]]
