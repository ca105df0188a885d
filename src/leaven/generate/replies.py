"""What a server said, read strictly, and the journal of it: one line a reply, so that nothing is paid for twice.

Whatever comes from a server is hostile text. It is taken apart here without trusting any of its types, and kept as text
that any file can hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leaven.generate.asked import Reply, Request
from leaven.generate.told import keep, kept

_ENDINGS = ("stop", "length", "content_filter", "tool_calls", "function_call")  # of OpenAI's protocol
_MOST_TOKENS = 2**31 - 1  # a column of int32 holds them


class Unreadable(ValueError):
    """A reply from which no text can be taken; says why."""


@dataclass(frozen=True)
class Part:
    """What one HTTP request brought: one text or several, why each ended, and the tokens that were billed for it."""

    texts: tuple[str, ...]
    finish_reasons: tuple[str, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Journal:
    """The parts that came in, by what was asked; a line of ``file`` for each, written at once."""

    def __init__(self, file: Path):
        self._file = file
        self.parts: dict[str, list[Part]] = {}
        for line in kept(file):
            part = Part(tuple(line["texts"]), tuple(line["finish_reasons"]), *line["tokens"])
            self.parts.setdefault(line["asked"], []).append(part)

    def add(self, asked: str, request: Request, part: Part) -> None:
        """Keep one more part."""
        said = asdict(part)
        tokens = [said.pop("prompt_tokens"), said.pop("completion_tokens")]
        keep(self._file, {"asked": asked, "id": request.id, **said, "tokens": tokens})
        self.parts.setdefault(asked, []).append(part)

    @property
    def texts(self) -> int:
        """How many texts there are of all that was asked."""
        return sum(map(self.count, self.parts))

    def count(self, asked: str) -> int:
        """Return how many texts there are for what was asked."""
        return sum(len(part.texts) for part in self.parts.get(asked, ()))

    def reply(self, asked: str, request: Request, reason: str | None = None) -> Reply:
        """Return what there is for a request; ``reason`` says why there is not more."""
        parts = self.parts.get(asked, [])
        texts = [text for part in parts for text in part.texts][: several(request)]
        endings = [ending for part in parts for ending in part.finish_reasons][: several(request)]
        if reason is None and not any(text.strip() for text in texts):
            reason = f"the reply is empty ({', '.join(sorted(set(endings)))})"
        billed = (sum(part.prompt_tokens for part in parts), sum(part.completion_tokens for part in parts))
        return Reply(request.id, tuple(texts), tuple(endings), *billed, reason)


def asked_key(identity: Mapping[str, Any], request: Request) -> str:
    """Return what a request is known by: its id and all that is asked, so that a changed question is a new one."""
    whole = {
        "server": dict(identity),
        "id": request.id,
        "messages": request.messages,
        "sampling": dict(request.sampling),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def several(request: Request) -> int:
    """Return how many texts a request asks for."""
    return int(request.sampling.get("n") or 1)


def read(body: str) -> Part:
    """Take the texts out of a chat completion; raises Unreadable where there are none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(f"the reply is no JSON: {shown(body, 80)}") from None
    if not isinstance(said, dict):
        raise Unreadable(f"the reply is no chat completion: {shown(body, 80)}")
    choices = said.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Unreadable(f"the reply has no choices: {shown(_message(said) or body, 200)}")
    read_choices = [_choice(choice) for choice in choices]
    usage = said.get("usage")
    billed = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
    return Part(tuple(text for text, _ in read_choices), tuple(ending for _, ending in read_choices), *billed)


def _choice(choice: Any) -> tuple[str, str]:
    """Return a choice's text and why it ended; a refusal is a text as well."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Unreadable("the reply has a choice without a message")
    content = message.get("content") or message.get("refusal") or ""
    if not isinstance(content, str):
        raise Unreadable("the reply has a message that is no text")
    ending = choice.get("finish_reason")
    return _storable(content), ending if ending in _ENDINGS else "unknown"


def _storable(text: str) -> str:
    """Return a text without halves of characters, which no file could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else 0


def _message(said: Mapping[str, Any]) -> str | None:
    """Return the message of an error, wherever servers put it; None if there is none."""
    error = said.get("error", said)
    found = error if isinstance(error, str) else None
    if isinstance(error, Mapping):
        found = error.get("message") or error.get("detail")
    return found if isinstance(found, str) else None


def complaint(body: str) -> str:
    """Return what a server says is wrong, in a few words."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    return shown((_message(said) if isinstance(said, dict) else None) or body or "it does not say why", 200)


def shown(text: str, most: int) -> str:
    """Return a server's text as one short printable line."""
    line = "".join(one if one.isprintable() else " " for one in text[: 4 * most])
    line = " ".join(line.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
