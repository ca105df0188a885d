"""What is asked of a server and what comes back: plain values, whoever sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leaven.rows import Message


@dataclass(frozen=True)
class Request:
    """One conversation to be gone on with; ``sampling`` by names of OpenAI's API: temperature, top_p, max_tokens, n."""

    id: str
    messages: list[Message]
    sampling: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came back for a request: ``n`` texts with why each ended, and the tokens that were billed.

    ``reason`` says why there is no text where there is none; the request is then unscored, and counted.
    """

    id: str
    texts: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: str | None = None
