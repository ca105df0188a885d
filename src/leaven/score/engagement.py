"""Whether an answer keeps a conversation going: it asks something back, or invites to go on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from leaven.registry import metric
from leaven.score.sentences import sentences

_TAIL = 600  # characters of an answer's end
_LAST = 2  # sentences in which an invitation counts
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'"})
_INVITES = re.compile(
    r"\b(?:tell me|let me know|feel free to|(?:how|what) about you|would you like|do you want|ask me"
    r"|i(?:'d| would) (?:love|like) to (?:hear|know)|what do you think|i am all ears|i'm all ears|go on|please continue"
    r"|shall we|i wonder what you|happy to (?:help|talk|hear)|glad to (?:help|talk|hear)|how can i help)\b"
    r"|\band you\?"
)

_SPEAKS = re.compile(
    r"\b(?:i|i'm|me|my|you|your|we|us|hello|hi|hey|greetings|good (?:morning|afternoon|evening|day|night)|welcome"
    r"|thanks|thank|goodbye|bye|sorry)\b"
)
_HEAD = 300  # characters in which somebody is spoken to


@metric(version=1, better="higher", unit="share")
def engagement(texts: Sequence[str | None]) -> list[float | None]:
    """1 where an answer ends by asking or inviting, 0 where not; null for a blank answer.

    It asks where its last sentence ends with a question mark, and invites where one of its last two sentences holds
    a phrase such as "tell me", "how about you" or "let me know". English phrases; whether the question makes sense, and
    whether anybody would want to go on, is not seen. An answer that is cut off has no end of its own.
    """
    return [float(asks_or_invites(text)) if text and text.strip() else None for text in texts]


def speaks_to(text: str) -> bool:
    """Say whether an answer's beginning speaks as one person to another: I and you, a greeting, thanks; in English."""
    return bool(_SPEAKS.search(text[:_HEAD].translate(_APOSTROPHES).lower()))


def asks_or_invites(text: str) -> bool:
    """Say whether a text's end asks something or invites."""
    tail = text.rstrip()[-_TAIL:]
    if tail.rstrip("\"')]}*_”’ ").endswith(("?", "？", "؟")):
        return True
    last = sentences(" ".join(tail.translate(_APOSTROPHES).lower().split()))[-_LAST:]
    return any(_INVITES.search(one) for one in last)
