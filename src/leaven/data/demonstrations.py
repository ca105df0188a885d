"""Formats of demonstrations: a prompt, or a conversation, and the answer to learn."""

from __future__ import annotations

from typing import Any

from leaven.data.formats import (
    BadRow,
    answer_turns,
    asked_turns,
    assistant,
    filled,
    instructed,
    legible,
    seen,
    texts,
    turns_of,
    user,
    with_input,
)
from leaven.registry import format
from leaven.rows import Message, Row


@format(version=1, columns=("question", "answer"), makes="examples")
def eli5(row: Row) -> Row:
    """ELI5 in the layout of sentence-transformers/eli5: a question and one reference answer."""
    return {
        "prompt": [user(filled(row["question"], "question"))],
        "completion": [assistant(row["answer"], "answer")],
    }


@format(version=1, columns=("messages",), makes="examples")
def messages(row: Row) -> Row:
    """A conversation as ``messages``; the last assistant turn is the completion, what precedes it the prompt."""
    turns = turns_of(row["messages"], "messages", "user")
    if len(turns) < 2 or [turn["role"] for turn in turns[-2:]] != ["user", "assistant"]:
        raise BadRow("messages does not end with a user's turn and an assistant's answer")
    return {"prompt": turns[:-1], "completion": turns[-1:]}


@format(version=1, columns=("prompt", "completion"), makes="examples")
def prompt_completion(row: Row) -> Row:
    """TRL's prompt and completion; each a text or a list of messages."""
    prompt = asked_turns(row["prompt"], "prompt")
    return {"prompt": prompt, "completion": answer_turns(row["completion"], "completion", prompt)}


@format(version=1, columns=("instruction", "input", "output"), makes="examples")
def alpaca(row: Row) -> Row:
    """Alpaca: an instruction, an input that may be empty (a blank line parts the two), and the output."""
    return {
        "prompt": [user(with_input(row["instruction"], row["input"]))],
        "completion": [assistant(row["output"], "output")],
    }


_LIMA = ("instruction", "input", "output", "history")


@format(version=1, columns=("conversations",), also=(_LIMA,), makes="examples")
def lima(row: Row) -> Row:
    """LIMA: conversations of one or several turns; all turns before the last answer are the prompt.

    Read are both layouts: conversations as a list of texts, user and assistant in turn (GAIR/lima; its source is the
    group, and one text alone is a prompt without an answer, as in its test part), and instruction, input, output with
    the earlier turns in history (LLaMA-Factory).
    """
    if "conversations" not in row:
        earlier = [turn for pair in _history(row["history"]) for turn in pair]
        asked = user(with_input(row["instruction"], row["input"]))
        return {"prompt": [*earlier, asked], "completion": [assistant(row["output"], "output")]}
    said = texts(row["conversations"], "conversations")
    if len(said) > 1 and len(said) % 2:
        raise BadRow("conversations ends with a question")
    turns = [_in_turn(index, text) for index, text in enumerate(said)]
    asked_first = max(len(turns) - 1, 1)
    source = row.get("source")
    return {
        "prompt": turns[:asked_first],
        "completion": turns[asked_first:] or None,
        "group": None if source is None else legible(source, "source"),
    }


def _in_turn(index: int, said: str) -> Message:
    return {"role": "assistant" if index % 2 else "user", "content": said}


def _history(value: Any) -> list[list[Message]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRow(f"history is {seen(value)}, not a list of earlier turns")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise BadRow("history holds what is no pair of a question and its answer")
    return [[user(filled(asked, "history")), assistant(told, "history")] for asked, told in value]


@format(version=1, columns=("system_prompt", "question", "response"), makes="examples")
def orca(row: Row) -> Row:
    """OpenOrca: a system prompt (left out where empty), a question and a model's response.

    The group is the part of FLAN that the question is from: what stands before the dot in ``id`` (flan, t0, niv, cot).
    """
    part = row.get("id")
    return {
        "prompt": instructed(row["system_prompt"], "system_prompt", row["question"]),
        "completion": [assistant(row["response"], "response")],
        "group": None if part is None else legible(part, "id").partition(".")[0],
    }


_TEMPLATES = tuple(
    f"Below is an instruction that describes a task{more}. Write a response that appropriately completes the request."
    "\n\n### Instruction:\n"
    for more in ("", ", paired with an input that provides further context")
)
_INPUT, _RESPONSE = "\n\n### Input:\n", "### Response:"


@format(version=1, columns=("prompt", "response"), makes="examples")
def dolly_hhrlhf(row: Row) -> Row:
    """Dolly with HH-RLHF: a prompt in Alpaca's template, of which the instruction (and the input) is kept."""
    prompt = filled(row["prompt"], "prompt").rstrip()
    begun = next((one for one in _TEMPLATES if prompt.startswith(one)), None)
    if begun is None or not prompt.endswith(_RESPONSE):
        raise BadRow("prompt is not in Alpaca's template")
    inner = prompt.removeprefix(begun).removesuffix(_RESPONSE).rstrip()
    instruction, _, more = inner.partition(_INPUT) if begun == _TEMPLATES[1] else (inner, "", "")
    return {
        "prompt": [user(with_input(instruction, more))],
        "completion": [assistant(row["response"], "response")],
    }
