"""DailyDialog: casual conversations, one a line, their turns ended by ``__eou__`` and their words parted from signs."""

from __future__ import annotations

import re
from typing import Any, Literal

from leaven.data.formats import BadRow, Skipped, legible, texts
from leaven.registry import format
from leaven.rows import Message, Row

END = "__eou__"
# The numbers of the set's topic files (Li et al. 2017).
TOPICS = ("life", "school", "culture", "attitude", "relationship", "tourism", "health", "work", "politics", "finance")
_LONGEST_NAME = 100


@format(version=1, columns=("text",), also=(("dialog",), ("text", "topic")), makes="examples", txt="dialogues")
def dailydialog(row: Row, *, turns: Literal["all", "last", "first"] = "all") -> Row:
    """DailyDialog: the turns before are the prompt, the last answer the completion; the group is the topic.

    Whoever begins is the user; where the user has the last word, it is left out. ``turns: last`` keeps the last
    exchange alone, ``first`` the first one: what is said, and what is answered to it. Read are the original files, a
    dialogue a line (in a folder with the topics beside them, these are the groups), and the hub's, a list of turns.
    Signs are put back to their words: ``I ' m fine .`` is read as ``I'm fine.``
    """
    said = _said(row["dialog"], "dialog") if "dialog" in row else _line(row["text"])
    if len(said) < 2:
        raise Skipped("nobody answers: one turn")
    spoken: list[Message] = [
        {"role": "assistant" if place % 2 else "user", "content": text}
        for place, text in enumerate(said[: len(said) - len(said) % 2])
    ]
    kept = {"all": spoken, "last": spoken[-2:], "first": spoken[:2]}[turns]
    return {"prompt": kept[:-1], "completion": kept[-1:], "group": _topic(row.get("topic"))}


def _line(value: Any) -> list[str]:
    line = legible(value, "text")
    if END not in line:
        raise BadRow(f"text holds no {END}, which ends every turn")
    *turns, rest = line.split(END)
    return _said([*turns, rest] if rest.strip() else turns, "text")


def _said(value: Any, column: str) -> list[str]:
    return [detokenised(one) for one in texts(value, column)]


def _topic(value: Any) -> str | None:
    """Return the name of a topic, which the files give as a number from 1 to 10."""
    if value is None:
        return None
    said = str(value).strip() if isinstance(value, int) else legible(value, "topic").strip()
    if said.isdecimal():
        if not 1 <= int(said) <= len(TOPICS):
            raise BadRow(f"topic is {said[:9]}, and topics are 1 to {len(TOPICS)}")
        return TOPICS[int(said) - 1]
    if not said or len(said) > _LONGEST_NAME:
        raise BadRow("topic is neither a number nor a name")
    return said


_RULES = [
    (re.compile(r"(?<=\w) ?[’‘'] ?(?=(?:s|m|t|d|re|ve|ll|am|clock)\b)", re.IGNORECASE), "'"),  # I ’ m, o ' clock
    (re.compile(r"(?<=\d) - (?=\w)"), "-"),
    (re.compile(r"(?<=\b[A-Z]) / (?=[A-Z])"), "/"),
    (re.compile(r"\s+(?=[.,!?;:%)\]”…])"), ""),  # what belongs to the word before it
    (re.compile(r"(?<=[(\[“$£¥€])\s+"), ""),  # and to the one behind it
    (re.compile(r"(?<!\S)\" ([^\"]*?) ?\"(?![^\s.,!?;:)])"), r'"\1"'),
    (re.compile(r"(?<!\S)' ([^']*?) ?'(?![^\s.,!?;:)])"), r"'\1'"),
    (re.compile(r"(?<=s) '(?=\s)"), "'"),  # the ladies ' room
]


def detokenised(text: str) -> str:
    """Return a turn with its signs at their words: ``Well , I ' m " fine " .`` becomes ``Well, I'm "fine".``"""
    said = " ".join(text.split())
    for rule, put in _RULES:
        said = rule.sub(put, said)
    return said
