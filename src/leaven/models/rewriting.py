"""Prompts as an arm asks them: the messages, changed by each of its prompt-time methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from leaven.models.wraps.wrap import Wrap
from leaven.registry import WRAPS, Step
from leaven.rows import Message


class Given(Protocol):
    """What a method reads for a prompt: demonstrations (lists of messages), or passages (texts)."""

    def of(self, prompt: Sequence[Message], row_id: str | None = None) -> Sequence[Any]:
        """Return it for the bare prompt of a row; of a live conversation there is no id."""


def wraps_of(steps: Sequence[Step]) -> list[Wrap]:
    """Return what each declared method asks for, in their order."""
    return [WRAPS.get(step.name).call(args=step.args) for step in steps]


def declared(step: Step) -> Any:
    """Return a method's arguments, its defaults among them."""
    return WRAPS.get(step.name).declare(step.args)


def conflict(wraps: Sequence[Wrap]) -> str | None:
    """Say why methods cannot be combined; None if they can."""
    if sum(wrap.plain for wrap in wraps) > 1:
        return "two methods write the conversation out as a text, and it can be written out once; take one away"
    return None


def rewritten(
    wraps: Sequence[Wrap],
    messages: Sequence[Message],
    given: Mapping[int, Given] | None = None,
    row_id: str | None = None,
) -> list[Message]:
    """Return a prompt as it is asked; ``given``: what methods read, by the method's place among them.

    Methods apply in their order; one that writes all turns out as a text comes last wherever it stands. Pure: a live
    conversation is rewritten from its bare turns before each answer.
    """
    given, made = given or {}, list(messages)
    for place in sorted(range(len(wraps)), key=lambda place: wraps[place].plain):
        wrap = wraps[place]
        if wrap.rewrite is None:
            continue
        missing = (wrap.retrieves or "shots" in wrap.reads) and place not in given
        assert not missing, f"method {place} reads {dict(wrap.reads)}, and it was given nothing"
        made = wrap.rewrite(made, given[place].of(messages, row_id) if place in given else ())
    return made
