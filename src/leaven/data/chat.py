"""Messages -> text, ids and loss mask: the only formatter there is, at training, generation and evaluation.

Everything is decided on rendered token ids. The tokenizer is an argument, so this room stays left of ``models``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from leaven.errors import ModelError
from leaven.rows import Message, Row

IGNORED = -100  # transformers' label of a token that is not trained


@dataclass(frozen=True)
class Encoded:
    """One row as the model sees it.

    ``prefix_holds``: the prompt's ids are a prefix of the whole's. ``cut``: what was beyond the limit is cut off.
    ``answer_at``: where the answer begins.
    """

    id: str
    input_ids: list[int]
    labels: list[int]
    prefix_holds: bool = True
    cut: bool = False
    answer_at: int = 0

    @functools.cached_property
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
        line = getattr(error, "lineno", None)  # jinja's errors of syntax have one
        at = "" if line is None else f" in its line {line}"
        raise ModelError(f"the chat template fails{at}: {type(error).__name__}: {error}") from error
    return text


def ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the ids of rendered texts; the template alone decides about BOS, so nothing is added here."""
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []


def encode(tokenizer: Any, rows: Sequence[Row], loss: Loss) -> list[Encoded]:
    """Encode demonstrations (prompt, completion) into ids and labels."""
    conversations = [[*row["prompt"], *row["completion"]] for row in rows]
    whole = ids(tokenizer, [render(tokenizer, turns) for turns in conversations])
    prompts = ids(tokenizer, [render(tokenizer, row["prompt"], add_generation_prompt=True) for row in rows])
    made = []
    for row, turns, full, prompt in zip(rows, conversations, whole, prompts, strict=True):
        labels, spans_hold = _labels(tokenizer, turns, full, prompt, loss)
        holds = spans_hold and full[: len(prompt)] == prompt
        made.append(Encoded(row["id"], full, labels, holds, answer_at=len(prompt)))
    return made


def _labels(
    tokenizer: Any, turns: list[Message], full: list[int], prompt: list[int], loss: Loss
) -> tuple[list[int], bool]:
    if loss.assistant_only_loss:
        return _assistant_labels(tokenizer, turns, full)
    if loss.completion_only_loss:
        return [IGNORED] * min(len(prompt), len(full)) + full[len(prompt) :], True
    return list(full), True


def _assistant_labels(tokenizer: Any, turns: list[Message], full: list[int]) -> tuple[list[int], bool]:
    """Label every answer to something; say whether each part was rendered alone as it is within the whole.

    A template that renders the last turn differently (one that keeps its reasoning, say) fails that: spans would lie.
    """
    labels, holds = [IGNORED] * len(full), True
    for index, turn in enumerate(turns):
        if turn["role"] == "assistant" and index > 0:
            before = render(tokenizer, turns[:index], add_generation_prompt=True)
            start, end = ids(tokenizer, [before, render(tokenizer, turns[: index + 1])])
            holds = holds and full[: len(start)] == start and full[: len(end)] == end
            labels[len(start) : len(end)] = full[len(start) : len(end)]
    return labels, holds


def truncated(row: Encoded, limit: int) -> Encoded:
    """Return a row without what is beyond ``limit`` tokens."""
    if len(row.input_ids) <= limit:
        return row
    return replace(row, input_ids=row.input_ids[:limit], labels=row.labels[:limit], cut=True)


def prompt_ids(
    tokenizer: Any, prompts: Sequence[Sequence[Message]], apply_chat_template: bool = True
) -> list[list[int]]:
    """Return the ids from which an answer is generated.

    Without the chat template that is the last user turn's text alone, with the special tokens that the tokenizer puts
    around any text: context and earlier turns are not read.
    """
    if apply_chat_template:
        return ids(tokenizer, [render(tokenizer, prompt, add_generation_prompt=True) for prompt in prompts])
    return tokenizer([_bare(prompt) for prompt in prompts], verbose=False)["input_ids"] if prompts else []


def _bare(prompt: Sequence[Message]) -> str:
    return next((turn["content"] for turn in reversed(prompt) if turn["role"] == "user"), "")


def demonstrations(rows: Sequence[Row], kind: str) -> list[Row]:
    """Return prompt and completion; of preferences the chosen answer is the demonstration."""
    if kind == "examples":
        return list(rows)
    return [{**row, "completion": row["chosen"]} for row in rows]


Misfit = tuple[str, str]  # the reason that is counted, and an excerpt


def misfits(tokenizer: Any, rows: Sequence[Row], kind: str, limit: int | None) -> list[Misfit | None]:
    """Return, per row, why it cannot be trained on, None where it can; ``limit`` is in tokens.

    Both candidates of a preference count, before any treatment, so that every dose trains on the same ids. ``limit``
    None is for ``truncation``: no row is left out for its length, so none is measured.
    """
    columns = ["completion"] if kind == "examples" else ["chosen", "rejected"]
    longest = [0] * len(rows)
    for column in columns if limit is not None else ():
        texts = [render(tokenizer, [*row["prompt"], *(row[column] or [])]) for row in rows]
        longest = [max(known, len(new)) for known, new in zip(longest, ids(tokenizer, texts), strict=True)]
    found = reasons(tokenizer, rows, ["prompt", *columns], longest, limit, f"longer than max_length {limit}")
    silent = ("it has no answer to learn", "")
    return [why if all(row[name] for name in columns) else silent for why, row in zip(found, rows, strict=True)]


def unanswered(tokenizer: Any, rows: Sequence[Row], limit: int) -> list[Misfit | None]:
    """Return, per row, that nothing of its answer would be left where it is cut off at ``limit`` tokens."""
    lengths = [len(one) for one in prompt_ids(tokenizer, [row["prompt"] for row in rows])]
    return [
        (f"its prompt alone fills max_length {limit}", f"{length} tokens") if length >= limit else None
        for length in lengths
    ]


def prompt_misfits(
    tokenizer: Any, rows: Sequence[Row], limit: int | None, new_tokens: int, apply_chat_template: bool = True
) -> list[Misfit | None]:
    """Return, per row, why its prompt cannot be answered: no room for ``new_tokens``; ``limit`` None is no limit.

    Without the chat template a prompt is its last user turn, so one whose last user turn is blank asks nothing.
    """
    prompts = [row["prompt"] for row in rows]
    asked = [len(one) for one in prompt_ids(tokenizer, prompts, apply_chat_template)]
    room = None if limit is None else limit - new_tokens
    over = f"prompt leaves no room for {new_tokens} new tokens"
    found = reasons(tokenizer, rows, ["prompt"], asked, room, over)
    if apply_chat_template:
        return found
    blank = ("no user's turn to ask without a chat template", "")
    return [why if _bare(prompt).strip() else blank for why, prompt in zip(found, prompts, strict=True)]


def reasons(
    tokenizer: Any, rows: Sequence[Row], columns: Sequence[str], lengths: Sequence[int], limit: int | None, over: str
) -> list[Misfit | None]:
    """Return, per row, that its text holds a special token, or its length is over the limit; None if neither."""
    specials = sorted(tokenizer.all_special_tokens)
    found: list[Misfit | None] = []
    for row, length in zip(rows, lengths, strict=True):
        spoken = _special_token(row, columns, specials)
        if spoken is not None:
            # Text of strangers must not become control tokens: an EOS in mid-answer would be trained as one.
            found.append(("text holds a special token of the tokenizer", spoken))
        else:
            found.append((over, f"{length} tokens") if limit is not None and length > limit else None)
    return found


def _special_token(row: Row, columns: Sequence[str], specials: Sequence[str]) -> str | None:
    texts = [turn["content"] for column in columns for turn in row[column] or []]
    return next((token for token in specials if any(token in text for text in texts)), None)
