"""Formats: one raw row of a source -> one canonical row, or a reason why there is none.

Each format names the columns it reads. ``makes`` is the kind of canonical row: *examples* (prompt, completion) or
*preferences* (prompt, chosen, rejected, margin). Raw rows are hostile: everything is checked, nothing is guessed.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from leaven.registry import format
from leaven.rows import Message, Row


class BadRow(Exception):
    """A row that does not hold what its format promises; the text is the reason that is counted.

    ``raw`` is an excerpt of what stood there, where nothing could be parsed that would be shown in its place.
    """

    def __init__(self, reason: str, raw: str = ""):
        super().__init__(reason)
        self.raw = raw


class Skipped(Exception):
    """A sound row that the study's own choice leaves out (a tie, say); the text is the reason that is counted."""


@format(version=2, columns=("question", "answer_0", "answer_1", "score_0", "score_1"), makes="preferences")
def webgpt(row: Row, *, ties: Literal["drop", "answer_1", "random"] = "drop", context: bool = False) -> Row:
    """WebGPT comparisons: two answers to a question, scores that sum to 0.

    Scores of 0 are a tie: dropped (and counted), or kept with answer_1 or a random answer as the chosen one; a kept
    tie has margin 0 and is never eligible for a treatment, and neither are equal answers. ``context`` puts the titles
    and extracts of the chosen answer's quotes into a system message before the question.
    """
    question = _text(_inside(row["question"], "full_text"), "question.full_text")
    score_0, score_1 = _number(row["score_0"], "score_0"), _number(row["score_1"], "score_1")
    if abs(score_0 + score_1) > 1e-6:
        raise BadRow("score_0 and score_1 do not sum to 0")
    better = _better(f"{question}\x1f{row['answer_0']}\x1f{row['answer_1']}", score_0, score_1, ties)
    quotes = _quotes(row, better) if context else ""
    return {
        "prompt": [*([{"role": "system", "content": quotes}] if quotes else []), _user(question)],
        "chosen": [_assistant(row[f"answer_{better}"], f"answer_{better}")],
        "rejected": [_assistant(row[f"answer_{1 - better}"], f"answer_{1 - better}")],
        "margin": abs(score_0 - score_1),
    }


def _better(texts: str, score_0: float, score_1: float, ties: str) -> int:
    if score_0 != score_1:
        return int(score_1 > score_0)
    if ties == "drop":
        raise Skipped("tie")
    # A coin that depends on the texts alone: the same in every arm, seed and shard.
    return 1 if ties == "answer_1" else hashlib.sha256(texts.encode("utf-8", "replace")).digest()[0] & 1


def _quotes(row: Row, better: int) -> str:
    """Return the quotes of one answer as ``title: extract``, a line each; none where the answer quotes nothing."""
    column = f"quotes_{better}"
    quotes = row.get(column)
    if quotes is None:
        return ""
    titles, extracts = _inside(quotes, "title"), _inside(quotes, "extract")
    if not isinstance(titles, list) or not isinstance(extracts, list) or len(titles) != len(extracts):
        raise BadRow(f"{column} holds no list of titles beside a list of extracts of the same length")
    told = [(_legible(title, column), _legible(said, column)) for title, said in zip(titles, extracts, strict=True)]
    return "\n".join(f"{title}: {said}" if title else said for title, said in told if title or said)


@format(version=1, columns=("text",), makes="examples")
def text(row: Row) -> Row:
    """A text alone, asked as it is (a line of a .txt file, a prompt to continue); there is no reference answer."""
    return {"prompt": [_user(_text(row["text"], "text"))], "completion": None}


@format(version=1, columns=("question", "answer"), makes="examples")
def eli5(row: Row) -> Row:
    """ELI5 in the layout of sentence-transformers/eli5: a question and one reference answer."""
    return {
        "prompt": [_user(_text(row["question"], "question"))],
        "completion": [_assistant(row["answer"], "answer")],
    }


@format(version=1, columns=("title", "answers"), makes="examples")
def eli5_category(row: Row, *, selftext: bool = False) -> Row:
    """ELI5 with all its answers and their votes: the best-voted answer is the reference, the others stand beside it.

    ``selftext`` puts what the asker wrote below the title under it. Answers that were deleted are left out; of equally
    voted ones the first is taken.
    """
    question = _text(row["title"], "title")
    below = row.get("selftext")
    if selftext and below:
        question = f"{question}\n\n{_text(below, 'selftext')}"
    best, *others = _voted(row["answers"])
    return {"prompt": [_user(question)], "completion": [_assistant(best, "answers.text")], "others": others}


_DELETED = ("[deleted]", "[removed]")


def _voted(answers: Any) -> list[str]:
    """Return answers by votes, the best first."""
    texts, scores = _inside(answers, "text"), _inside(answers, "score")
    if not isinstance(texts, list) or not isinstance(scores, list) or len(texts) != len(scores):
        raise BadRow("answers holds no list of text beside a list of score of the same length")
    votes = [_number(score, "answers.score") for score in scores]
    read = [(vote, _legible(text, "answers.text")) for vote, text in zip(votes, texts, strict=True)]
    said = [one for one in read if one[1].strip() and one[1].strip() not in _DELETED]
    if not said:
        raise BadRow("answers has no text")
    return [text for _, text in sorted(said, key=lambda one: -one[0])]


@format(version=1, columns=("question", "answer_matching_behavior"), makes="examples")
def persona(row: Row) -> Row:
    """Anthropic's model-written evaluations: a question and the answer that matches the behaviour, also as label."""
    answer = _text(row["answer_matching_behavior"], "answer_matching_behavior").strip()
    return {
        "prompt": [_user(_text(row["question"], "question"))],
        "completion": [_assistant(answer, "answer_matching_behavior")],
        "label": answer,
    }


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
    before, *parts = _TURN.split(_text(value, column))
    messages = [
        {"role": _ROLES[role], "content": said.strip()} for role, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if before.strip() or len(messages) < 2 or [m["role"] for m in messages[-2:]] != ["user", "assistant"]:
        raise BadRow(f"{column} is no transcript that ends with a Human and an Assistant turn")
    return _spoken(messages, column)


@format(version=1, columns=("prompt", "chosen", "rejected"), makes="preferences")
def preference(row: Row) -> Row:
    """TRL's preference layout: prompt, chosen, rejected; each a text or a list of messages.

    Answers that repeat the prompt's turns in front (UltraFeedback's layout) are read without them.
    """
    margin, prompt = row.get("margin"), _prompt(row["prompt"], "prompt")
    return {
        "prompt": prompt,
        "chosen": _answer(row["chosen"], "chosen", prompt),
        "rejected": _answer(row["rejected"], "rejected", prompt),
        "margin": None if margin is None else _number(margin, "margin"),
    }


@format(version=1, columns=("messages",), makes="examples")
def messages(row: Row) -> Row:
    """A conversation as ``messages``; the last assistant turn is the completion, what precedes it the prompt."""
    turns = _turns(row["messages"], "messages", "user")
    if len(turns) < 2 or [turn["role"] for turn in turns[-2:]] != ["user", "assistant"]:
        raise BadRow("messages does not end with a user's turn and an assistant's answer")
    return {"prompt": turns[:-1], "completion": turns[-1:]}


@format(version=1, columns=("prompt", "completion"), makes="examples")
def prompt_completion(row: Row) -> Row:
    """TRL's prompt and completion; each a text or a list of messages."""
    prompt = _prompt(row["prompt"], "prompt")
    return {"prompt": prompt, "completion": _answer(row["completion"], "completion", prompt)}


def _prompt(value: Any, column: str) -> list[Message]:
    turns = _turns(value, column, "user")
    if turns[-1]["role"] != "user":
        raise BadRow(f"{column} does not end with a user's turn")
    return turns


def _answer(value: Any, column: str, prompt: list[Message]) -> list[Message]:
    turns = _turns(value, column, "assistant")
    if turns[: len(prompt)] == prompt:
        turns = turns[len(prompt) :]
    if not turns or turns[0]["role"] != "assistant":
        raise BadRow(f"{column} does not begin with an assistant's turn after the prompt")
    return turns


def _turns(value: Any, column: str, role: str) -> list[Message]:
    """Return a text or a list of messages as messages; a text gets the role."""
    if isinstance(value, str):
        return [{"role": role, "content": _text(value, column)}]
    if not isinstance(value, list) or not value:
        raise BadRow(f"{column} is {_seen(value)}, neither text nor a list of messages")
    if not all(isinstance(turn, dict) and "role" in turn and "content" in turn for turn in value):
        raise BadRow(f"{column} has a message without role and content")
    return _spoken([{"role": turn["role"], "content": turn["content"]} for turn in value], column)


def _spoken(messages: list[Message], column: str) -> list[Message]:
    for message in messages:
        if message["role"] not in ("user", "assistant", "system"):
            raise BadRow(f"{column} has a role other than user, assistant and system")
        _text(message["content"], f"a turn of {column}")
    return messages


def _user(content: str) -> Message:
    return {"role": "user", "content": content}


def _assistant(value: Any, column: str) -> Message:
    return {"role": "assistant", "content": _text(value, column)}


def _text(value: Any, column: str) -> str:
    if not _legible(value, column).strip():
        raise BadRow(f"{column} is empty")
    return str(value)


_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def _legible(value: Any, column: str) -> str:
    """Return a text that can be written as UTF-8, which may be empty."""
    if not isinstance(value, str):
        raise BadRow(f"{column} is {_seen(value)}, not text")
    if not value.isascii() and _HALF_A_PAIR.search(value):
        raise BadRow(f"{column} holds half a surrogate pair, which is no text")
    return value


def _number(value: Any, column: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadRow(f"{column} is {_seen(value)}, not a number") from None
    if not math.isfinite(number):
        raise BadRow(f"{column} is {number}, not a finite number")
    return number


def _inside(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _seen(value: Any) -> str:
    return "empty (null)" if value is None else f"a {type(value).__name__}"
