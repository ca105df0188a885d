"""What a prompt-time method does to all that a model is asked or reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.rows import Message

# Messages, and what was read for them (demonstrations, or passages), to the messages that are asked.
Rewrite = Callable[[Sequence[Message], Sequence[Any]], list[Message]]


@dataclass(frozen=True)
class Wrap:
    """What one prompt-time method asks for.

    ``control``: tokens in front, in their order. ``rewrites``: it changes the messages of a prompt, by ``rewrite``.
    ``retrieves``: it puts passages before a question that are looked up for each. ``guards``: it looks at prompts or
    answers and may block them. ``plain``: the model is asked with a text, without its chat template. ``stop_strings``
    end an answer. ``reads``: data of the study that it needs, by what it is to the method (``{"shots": "lima"}``). One
    that reads "shots" declares ``k`` and ``seed``, one that retrieves ``k``.

    Where such data are declared stands in the decorator, ``data={"shots": "data"}`` (a dot goes into a block): their
    names then enter no key, since a name is no content.
    """

    control: tuple[str, ...] = ()
    rewrites: bool = False
    retrieves: bool = False
    guards: bool = False
    plain: bool = False
    stop_strings: tuple[str, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    rewrite: Rewrite | None = None
