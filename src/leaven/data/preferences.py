"""Formats of preferences: two answers to what was said before, of which one was preferred."""

from __future__ import annotations

import re
from typing import Any, Literal

from leaven.data.formats import (
    BadRow,
    Skipped,
    answer_turns,
    asked_turns,
    filled,
    inside,
    instructed,
    number,
    seen,
    spoken,
    turns_of,
)
from leaven.registry import format
from leaven.rows import Message, Row


@format(version=1, columns=("chosen", "rejected"), makes="preferences")
def hh(row: Row, *, turns: Literal["all", "last"] = "all") -> Row:
    """HH-RLHF: two transcripts that differ in the assistant's last answer.

    ``turns: last`` keeps the last exchange alone (the person's last turn and its two answers), for short contexts.
    The set has no score, so the margin is unknown (null), which is no tie.
    """
    chosen, rejected = _transcript(row["chosen"], "chosen"), _transcript(row["rejected"], "rejected")
    if chosen[:-1] != rejected[:-1]:
        raise BadRow("chosen and rejected differ before the last answer")
    prompt = chosen[:-1] if turns == "all" else chosen[-2:-1]
    return {"prompt": prompt, "chosen": chosen[-1:], "rejected": rejected[-1:], "margin": None}


_TURN = re.compile(r"\n\n(Human|Assistant): ?")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def _transcript(value: Any, column: str) -> list[Message]:
    before, *parts = _TURN.split(filled(value, column))
    messages = [
        {"role": _ROLES[role], "content": said.strip()} for role, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if before.strip() or len(messages) < 2 or [m["role"] for m in messages[-2:]] != ["user", "assistant"]:
        raise BadRow(f"{column} is no transcript that ends with a Human and an Assistant turn")
    return spoken(messages, column)


@format(version=1, columns=("prompt", "chosen", "rejected"), also=(("chosen", "rejected"),), makes="preferences")
def preference(row: Row) -> Row:
    """TRL's preference layout: prompt, chosen, rejected; each a text or a list of messages.

    Answers that repeat the prompt's turns in front (UltraFeedback's layout) are read without them. Without a column
    ``prompt`` it is the turns with which both answers begin.
    """
    margin = row.get("margin")
    prompt = asked_turns(row["prompt"], "prompt") if "prompt" in row else _begun(row["chosen"], row["rejected"])
    return {
        "prompt": prompt,
        "chosen": answer_turns(row["chosen"], "chosen", prompt),
        "rejected": answer_turns(row["rejected"], "rejected", prompt),
        "margin": None if margin is None else number(margin, "margin"),
    }


def _begun(chosen: Any, rejected: Any) -> list[Message]:
    """Return the turns that two conversations have in common, without their last answers."""
    both = [turns_of(value, name, "assistant") for value, name in ((chosen, "chosen"), (rejected, "rejected"))]
    if not all(len(turns) > 1 and turns[-1]["role"] == "assistant" for turns in both):
        raise BadRow("there is no prompt, and chosen and rejected do not end with an answer to one")
    if both[0][:-1] != both[1][:-1]:
        raise BadRow("chosen and rejected differ before the last answer")
    return asked_turns(both[0][:-1], "chosen")


@format(version=1, columns=("chosen", "rejected", "score_chosen", "score_rejected"), makes="preferences")
def ultrafeedback(row: Row, *, ties: Literal["drop", "keep"] = "drop") -> Row:
    """UltraFeedback, binarized: two conversations with the same prompt, each with a judge's score.

    The margin is the difference of the scores. Equal scores are a tie: dropped (and counted), or kept with margin 0.
    """
    prompt = {"prompt": row["prompt"]} if row.get("prompt") is not None else {}
    made = preference({**prompt, "chosen": row["chosen"], "rejected": row["rejected"]})
    margin = number(row["score_chosen"], "score_chosen") - number(row["score_rejected"], "score_rejected")
    if margin < 0:
        raise BadRow("score_chosen is below score_rejected")
    if margin == 0 and ties == "drop":
        raise Skipped("tie")
    return {**made, "margin": margin}


_ORCA = ("input", "preferred_output", "non_preferred_output")


@format(version=1, columns=_ORCA, also=(("question", "chosen", "rejected"),), makes="preferences")
def orca_pairs(row: Row) -> Row:
    """Orca DPO pairs: a question, often with a system message, the answer of a stronger and of a weaker model.

    Read are both layouts: system, question, chosen, rejected (Intel/orca_dpo_pairs), and input.messages,
    preferred_output, non_preferred_output (chat). There is no score, so the margin is unknown.
    """
    if "input" not in row:
        prompt, answers = instructed(row.get("system"), "system", row["question"]), ("chosen", "rejected")
    else:
        prompt, answers = asked_turns(_heard(inside(row["input"], "messages")), "input.messages"), _ORCA[1:]
    chosen, rejected = (answer_turns(row[name], name, prompt) for name in answers)
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, "margin": None}


def _heard(messages: Any) -> Any:
    """Return messages without system messages that say nothing."""
    if not isinstance(messages, list):
        return messages
    return [one for one in messages if inside(one, "role") != "system" or inside(one, "content") not in ("", None)]


_SPEAKERS = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system",
}  # fmt: skip


@format(version=1, columns=("conversations", "chosen", "rejected"), makes="preferences")
def sharegpt_pairs(row: Row) -> Row:
    """Preferences in ShareGPT's layout: conversations of {from, value}, and two answers of the same shape."""
    if not isinstance(row["conversations"], list) or not row["conversations"]:
        raise BadRow(f"conversations is {seen(row['conversations'])}, not a list of turns")
    prompt = asked_turns([_said(turn, "conversations") for turn in row["conversations"]], "conversations")
    answers = {name: spoken([_said(row[name], name)], name) for name in ("chosen", "rejected")}
    if any(answer[0]["role"] != "assistant" for answer in answers.values()):
        raise BadRow("chosen or rejected is not said by gpt")
    return {"prompt": prompt, **answers, "margin": None}


def _said(turn: Any, column: str) -> Message:
    speaker = inside(turn, "from")
    if not isinstance(speaker, str) or speaker not in _SPEAKERS:
        raise BadRow(f"{column} has a turn that is not from human, gpt or system")
    return {"role": _SPEAKERS[speaker], "content": inside(turn, "value")}
