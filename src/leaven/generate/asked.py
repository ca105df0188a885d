"""What is asked of a server and what comes back: plain values, whoever sends them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.errors import ModelError
from leaven.rows import Message

_LONGEST = 120  # characters of a reason that is counted


@dataclass(frozen=True)
class Request:
    """One conversation to be gone on with; ``sampling`` by names of OpenAI's API: temperature, top_p, max_tokens, n."""

    id: str
    messages: list[Message]
    sampling: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What came back for a request: ``n`` texts with why each ended, and the tokens that were billed.

    ``reason`` says why there is no text where there is none; the request is then unscored, and counted. ``passing``:
    the server failed, and may answer another time.
    """

    id: str
    texts: tuple[str, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: str | None = None
    passing: bool = False


_MOST_LOST = 0.02  # of the requests: more that may be answered another time are no gap, but a run that is not done


def prove_answered(replies: Sequence[Reply]) -> None:
    """Raise ModelError if a server answered nothing, or failed on more than a few: what it answered is kept.

    A stage that ended with them would be done, and they would never be asked again.
    """
    silent = [reply for reply in replies if not reply.texts]
    if replies and len(silent) == len(replies):
        said, remedy = (
            f"none of {len(replies)} requests",
            "put that right if it lies with the study, or run it again later",
        )
    elif (lost := sum(reply.passing for reply in silent)) > _MOST_LOST * len(replies):
        said, remedy = f"all but {lost} of {len(replies)} requests", "run it again: what was answered is kept"
    else:
        return
    (why, _), *_ = Counter(reply.reason or "an empty reply" for reply in silent).most_common(1)
    raise ModelError(f"the server answered {said} ({why}); {remedy}")


def alike(reason: str) -> str:
    """Return a reason without what differs from request to request, so that equal ones are counted together."""
    return re.sub(r"[0-9]{4,}", "N", reason)[:_LONGEST]
