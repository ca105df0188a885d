"""A chat written out as a text that a model goes on from, without its chat template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from leaven.models.wraps.wrap import Wrap
from leaven.registry import Text, wrap
from leaven.rows import Message

_SET_IN = r" \g<0>"


def _name(name: str) -> str:
    if ":" in name or not name.isprintable() or name != name.strip():
        raise ValueError("is no speaker's name: write it without colon, line break and space at its ends")
    return name


def _another(name: str, info: ValidationInfo) -> str:
    if name == info.data.get("user"):
        raise ValueError(f"both speakers are called '{name}', so nobody could tell who speaks")
    return name


Name = Annotated[Text, AfterValidator(_name)]


@wrap(version=2)
def chat_simulation(
    *,
    user: Name = "User",
    assistant: Annotated[Name, AfterValidator(_another), Field(validate_default=True)] = "Assistant",
    stop: bool = False,
) -> Wrap:
    """Ask without a chat template, with all turns as one text: "User: ..." and "Assistant:", which the model goes on.

    What a system message says is a paragraph in front. ``stop`` ends an answer where the model writes the user's next
    turn. A line within a message that begins like a speaker's is set in by a space, so that it speaks for nobody.
    """
    stops = (f"\n{user}:",) if stop else ()
    return Wrap(rewrites=True, plain=True, stop_strings=stops, rewrite=partial(_written_out, user, assistant))


def _written_out(user: str, assistant: str, messages: Sequence[Message], _: Sequence[Any]) -> list[Message]:
    names = {"user": user, "assistant": assistant}
    speaks = _speaking(user, assistant)
    said = [(turn["role"], speaks.sub(_SET_IN, turn["content"].strip())) for turn in messages]
    paragraphs = [text for role, text in said if role == "system"]
    lines = [f"{names[role]}: {text}".rstrip() for role, text in said if role in names]
    if not lines or messages[-1]["role"] != "assistant":  # else the model goes on with what it began to say
        lines.append(f"{assistant}:")
    return [{"role": "user", "content": "\n\n".join([*filter(None, paragraphs), "\n".join(lines)])}]


def _speaking(user: str, assistant: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:{re.escape(user)}|{re.escape(assistant)}):", re.MULTILINE)
