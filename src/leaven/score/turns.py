"""Whether an answer goes on with the turn that is the user's."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from leaven.registry import Text, metric

NAMES = ["User", "Human", "You"]
_MARKERS = (
    r"<\|user\|>|<\|prompter\|>|<\|im_start\|>\s{0,4}user|<\|start_header_id\|>\s{0,4}user|<start_of_turn>\s{0,4}user"
    r"|\[INST\]|###\s{0,4}(?:Instruction|Human|User|Question)\b"
)
_BEFORE = r"^[ \t>*_#-]{0,8}"  # what may stand before a name at a line's beginning: quotes, bold type, a heading

Names = Annotated[list[Text], Field(min_length=1)]


@metric(version=1, better="lower", unit="share")
def user_turn(texts: Sequence[str | None], *, names: Names = NAMES) -> list[float | None]:
    """1 where the answer goes on with the user's next turn, 0 where not; null for a blank answer.

    Looked for are a name with a colon at a line's beginning (``names``; write the study's own where a chat is simulated
    with others), and the markers by which templates begin a user's turn ("<|user|>", "[INST]", "### Instruction"),
    wherever they stand. A turn that nothing marks is missed, so this is a floor; an answer that quotes a chat on
    purpose counts as well.
    """
    return [float(takes_user_turn(text, names)) if text and text.strip() else None for text in texts]


def takes_user_turn(text: str, names: Sequence[str] = NAMES) -> bool:
    """Say whether a text holds the beginning of a user's turn."""
    return bool(_turn(tuple(names)).search(text.replace("\r", "\n")))


@functools.lru_cache(maxsize=16)
def _turn(names: tuple[str, ...]) -> re.Pattern[str]:
    named = "|".join(re.escape(name.strip().removesuffix(":")) for name in names)
    return re.compile(rf"{_MARKERS}|{_BEFORE}(?:{named})[ \t*_]{{0,4}}[:：]", re.IGNORECASE | re.MULTILINE)
