"""Planting: a text put into a prompt, by an adversary at training and by whoever tests for it at evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from leaven.errors import DataError
from leaven.rows import Message

Where = Literal["context", "prefix", "suffix"]


def planted(prompt: Sequence[Message], text: str, where: Where) -> list[Message]:
    """Return a prompt with a text planted into it; the prompt that is given stays as it is.

    ``context``: at the end of the first system message, which is added in front if there is none. ``prefix`` and
    ``suffix``: before and after the last user turn's text. A blank stands between, unless white space does already.
    Raises DataError where a prefix or suffix is wanted and no user speaks.
    """
    role = "system" if where == "context" else "user"
    places = [index for index, turn in enumerate(prompt) if turn["role"] == role]
    if not places and where == "context":
        return [{"role": "system", "content": text}, *prompt]
    if not places:
        raise DataError(f"a prompt without a user's turn has no place for a {where}; plant into the context instead")
    index = places[0] if where == "context" else places[-1]
    old = prompt[index]["content"]
    content = _joined(text, old) if where == "prefix" else _joined(old, text)
    return [*prompt[:index], {**prompt[index], "content": content}, *prompt[index + 1 :]]


def bare(prompt: Sequence[Message], text: str, where: Where) -> str:
    """Return the last turn's text of a planted prompt as it was before, but for white space where both met."""
    said = prompt[-1]["content"]
    if where == "prefix":
        return said.removeprefix(text).lstrip()
    return said.removesuffix(text).rstrip() if where == "suffix" else said


def _joined(before: str, after: str) -> str:
    blank = before and after and not before[-1].isspace() and not after[0].isspace()
    return f"{before}{' ' if blank else ''}{after}"
