"""A system message in front of all that a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from leaven.models.wraps.wrap import Wrap
from leaven.registry import Text, wrap
from leaven.rows import Message


@wrap(version=1)
def system_prompt(*, text: Text) -> Wrap:
    """Ask with a system message; where a prompt has one, this text comes before it, parted by a blank line."""
    return Wrap(rewrites=True, rewrite=partial(_under, text))


def _under(text: str, messages: Sequence[Message], _: Sequence[Any]) -> list[Message]:
    if messages and messages[0]["role"] == "system":
        first, *others = messages
        return [{**first, "content": f"{text}\n\n{first['content']}"}, *others]
    return [{"role": "system", "content": text}, *messages]
