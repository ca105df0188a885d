"""Messages -> text, ids and loss mask: the only formatter there is, at training, generation and evaluation.

Everything is decided on rendered token ids. The tokenizer is an argument, so this room stays left of ``models``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leaven.errors import DataError, ModelError
from leaven.rows import Message, Row

IGNORED = -100  # transformers' label of a token that is not trained


@dataclass(frozen=True)
class Encoded:
    """One row as the model sees it. ``prefix_holds``: the prompt's ids are a prefix of the whole's."""

    id: str
    input_ids: list[int]
    labels: list[int]
    prefix_holds: bool = True

    @property
    def trained(self) -> list[int]:
        """The ids that carry loss."""
        return [label for label in self.labels if label != IGNORED]


@dataclass(frozen=True)
class Loss:
    """Which tokens carry loss; field names are TRL's. Both false: all of the text."""

    completion_only_loss: bool = True
    assistant_only_loss: bool = False


def render(tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
    """Return the text of messages by the tokenizer's chat template; raises ModelError if there is none or it fails."""
    if not getattr(tokenizer, "chat_template", None):
        raise ModelError("the tokenizer has no chat template; set model.chat_template_path (a jinja file, or `plain`)")
    try:
        text: str = tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=add_generation_prompt
        )
    except Exception as error:  # a template is code of a stranger: whatever it raises is the template's fault
        raise ModelError(f"the chat template fails: {type(error).__name__}: {error}") from error
    return text


def ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the ids of rendered texts; the template alone decides about BOS, so nothing is added here."""
    return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []


def encode(tokenizer: Any, rows: Sequence[Row], loss: Loss) -> list[Encoded]:
    """Encode demonstrations (prompt, completion) into ids and labels."""
    conversations = [[*row["prompt"], *row["completion"]] for row in rows]
    whole = ids(tokenizer, [render(tokenizer, turns) for turns in conversations])
    prompts = ids(tokenizer, [render(tokenizer, row["prompt"], add_generation_prompt=True) for row in rows])
    made = []
    for row, turns, full, prompt in zip(rows, conversations, whole, prompts, strict=True):
        labels = _labels(tokenizer, turns, full, prompt, loss)
        made.append(Encoded(row["id"], full, labels, full[: len(prompt)] == prompt))
    return made


def _labels(tokenizer: Any, turns: list[Message], full: list[int], prompt: list[int], loss: Loss) -> list[int]:
    if loss.assistant_only_loss:
        return _assistant_labels(tokenizer, turns, full)
    if loss.completion_only_loss:
        return [IGNORED] * min(len(prompt), len(full)) + full[len(prompt) :]
    return list(full)


def _assistant_labels(tokenizer: Any, turns: list[Message], full: list[int]) -> list[int]:
    labels = [IGNORED] * len(full)
    for index, turn in enumerate(turns):
        if turn["role"] == "assistant":
            before = render(tokenizer, turns[:index], add_generation_prompt=True)
            start, end = (len(part) for part in ids(tokenizer, [before, render(tokenizer, turns[: index + 1])]))
            labels[start:end] = full[start:end]
    return labels


def prompt_ids(tokenizer: Any, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
    """Return the ids from which an answer is generated."""
    return ids(tokenizer, [render(tokenizer, prompt, add_generation_prompt=True) for prompt in prompts])


def demonstrations(rows: Sequence[Row], kind: str) -> list[Row]:
    """Return prompt and completion; of preferences the chosen answer is the demonstration."""
    if kind == "examples":
        return list(rows)
    return [{**row, "completion": row["chosen"]} for row in rows]


def fits(tokenizer: Any, rows: Sequence[Row], kind: str, max_length: int) -> list[int | None]:
    """Return, per row, its longest candidate's length in tokens where it is over ``max_length``, else None.

    Both candidates of a preference count, before any treatment, so that every dose trains on the same ids.
    """
    columns = ["completion"] if kind == "examples" else ["chosen", "rejected"]
    longest = [0] * len(rows)
    for column in columns:
        texts = [render(tokenizer, [*row["prompt"], *row[column]]) for row in rows]
        longest = [max(known, len(new)) for known, new in zip(longest, ids(tokenizer, texts), strict=True)]
    if longest and min(longest) > max_length:
        shortest = min(longest)
        raise DataError(
            f"max_length {max_length} cuts off every answer (the shortest row needs {shortest} tokens); raise it"
        )
    return [length if length > max_length else None for length in longest]
