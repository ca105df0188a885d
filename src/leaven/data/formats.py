"""Formats: one raw row of a source -> one canonical row, or a reason why there is none; here is what all of them share.

Each format names the columns it reads. ``makes`` is the kind of canonical row: *examples* (prompt, completion),
*preferences* (prompt, chosen, rejected, margin) or *statements*. More traits, where a format needs them: ``also``, the
columns of other layouts that it reads; ``header``, the columns of files of separated values without a header; ``most``,
an argument and a column: how many rows may have one value of the column (those that come later are skipped);
``worded``, columns alone do not tell it, the wording of their texts does;
``answers=False``, there are prompts alone; ``grouped``, preferences say which group they belong to.
Raw rows are hostile: everything is checked, nothing is guessed. The formats stand in ``voted``, ``preferences``,
``demonstrations``, ``benchmarks`` and ``prompts``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from leaven.rows import Message


class BadRow(Exception):
    """A row that does not hold what its format promises; the text is the reason that is counted.

    ``raw`` is an excerpt of what stood there, where nothing could be parsed that would be shown in its place.
    """

    def __init__(self, reason: str, raw: str = ""):
        super().__init__(reason)
        self.raw = raw


class Skipped(Exception):
    """A sound row that the study's own choice leaves out (a tie, say); the text is the reason that is counted."""


def asked_turns(value: Any, column: str) -> list[Message]:
    """Return a prompt, a text or a list of messages, as messages that end with a user's turn."""
    turns = turns_of(value, column, "user")
    if turns[-1]["role"] != "user":
        raise BadRow(f"{column} does not end with a user's turn")
    return turns


def answer_turns(value: Any, column: str, prompt: list[Message]) -> list[Message]:
    """Return an answer, a text or a list of messages, as messages without the prompt's turns in front."""
    turns = turns_of(value, column, "assistant")
    if turns[: len(prompt)] == prompt:
        turns = turns[len(prompt) :]
    if not turns or turns[0]["role"] != "assistant":
        raise BadRow(f"{column} does not begin with an assistant's turn after the prompt")
    return turns


def turns_of(value: Any, column: str, role: str) -> list[Message]:
    """Return a text or a list of messages as messages; a text gets the role."""
    if isinstance(value, str):
        return [{"role": role, "content": filled(value, column)}]
    if not isinstance(value, list) or not value:
        raise BadRow(f"{column} is {seen(value)}, neither text nor a list of messages")
    if not all(isinstance(turn, dict) and "role" in turn and "content" in turn for turn in value):
        raise BadRow(f"{column} has a message without role and content")
    return spoken([{"role": turn["role"], "content": turn["content"]} for turn in value], column)


def spoken(messages: list[Message], column: str) -> list[Message]:
    """Return messages in which user, assistant and system say something; raises BadRow for others."""
    for message in messages:
        if message["role"] not in ("user", "assistant", "system"):
            raise BadRow(f"{column} has a role other than user, assistant and system")
        filled(message["content"], f"a turn of {column}")
    return messages


def instructed(system: Any, column: str, question: Any) -> list[Message]:
    """Return a question behind a system message, which is left out where it is null or empty."""
    heard = "" if system is None else legible(system, column)
    return [*([{"role": "system", "content": heard}] if heard.strip() else []), user(filled(question, "question"))]


def user(content: str) -> Message:
    """Return a user's message."""
    return {"role": "user", "content": content}


def assistant(value: Any, column: str) -> Message:
    """Return an assistant's message; raises BadRow if it is no text, or an empty one."""
    return {"role": "assistant", "content": filled(value, column)}


def with_input(instruction: Any, more: Any, columns: tuple[str, str] = ("instruction", "input")) -> str:
    """Return an instruction with what it is about below it, where there is something."""
    asked, below = filled(instruction, columns[0]), "" if more is None else legible(more, columns[1])
    return f"{asked}\n\n{below}" if below.strip() else asked


def filled(value: Any, column: str) -> str:
    """Return a text that says something; raises BadRow, which names the column."""
    if not legible(value, column).strip():
        raise BadRow(f"{column} is empty")
    return str(value)


_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def legible(value: Any, column: str) -> str:
    """Return a text that can be written as UTF-8, which may be empty."""
    if not isinstance(value, str):
        raise BadRow(f"{column} is {seen(value)}, not text")
    if not value.isascii() and _HALF_A_PAIR.search(value):
        raise BadRow(f"{column} holds half a surrogate pair, which is no text")
    return value


def number(value: Any, column: str) -> float:
    """Return a finite number; raises BadRow, which names the column."""
    try:
        read = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadRow(f"{column} is {seen(value)}, not a number") from None
    if not math.isfinite(read):
        raise BadRow(f"{column} is {read}, not a finite number")
    return read


def inside(value: Any, name: str) -> Any:
    """Return what an object holds under a name, None if it is no object or holds nothing there."""
    return value.get(name) if isinstance(value, Mapping) else None


def seen(value: Any) -> str:
    """Say what a value is: empty (null), a list, ..."""
    return "empty (null)" if value is None else f"a {type(value).__name__}"


def choice(value: Any, count: int, column: str) -> int:
    """Return the place of one of ``count`` choices, counted from 0; raises BadRow, which names the column."""
    found = number(value, column)
    if found != int(found) or not 0 <= found < count:
        raise BadRow(f"{column} is {found:g}, and there are {count} choices")
    return int(found)


def texts(value: Any, column: str) -> list[str]:
    """Return a list of texts that each say something; raises BadRow, which names the column."""
    if not isinstance(value, list) or not value:
        raise BadRow(f"{column} is {seen(value)}, not a list of texts")
    return [filled(one, f"a text of {column}") for one in value]
