"""Preferences -> ids: a prompt and its two answers, by the same formatter as everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leaven.data.chat import IGNORED, Encoded, Misfit, ids, reasons, render
from leaven.errors import DataError
from leaven.rows import Row

SIDES = ("chosen", "rejected")
EQUAL = "chosen and rejected are equal"


@dataclass(frozen=True)
class Pair:
    """One encoded preference; ``holds``: the prompt's ids are a prefix of each whole; ``cut``: the prompt was."""

    id: str
    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    holds: tuple[bool, bool] = (True, True)
    cut: bool = False

    @property
    def longest(self) -> int:
        """How many tokens the prompt has with its longer answer."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))

    @property
    def both(self) -> list[Encoded]:
        """Both conversations as the model sees them; only the answer carries loss."""
        answers, ignored = (self.chosen_ids, self.rejected_ids), [IGNORED] * len(self.prompt_ids)
        return [
            Encoded(f"{self.id} {side}", self.prompt_ids + answer, ignored + answer, holds, answer_at=len(ignored))
            for side, answer, holds in zip(SIDES, answers, self.holds, strict=True)
        ]

    @property
    def equal(self) -> bool:
        """Whether both answers are the same ids: then there is nothing to prefer."""
        return self.chosen_ids == self.rejected_ids

    def as_row(self) -> Row:
        """Return the row of the table ``pairs``."""
        return {name: getattr(self, name) for name in ("id", "prompt_ids", "chosen_ids", "rejected_ids")}


def encode(tokenizer: Any, rows: Sequence[Row], max_prompt_length: int | None = None) -> list[Pair]:
    """Encode preferences (prompt, chosen, rejected); an answer is what follows the prompt's ids in the whole.

    A prompt of more than ``max_prompt_length`` tokens is cut from the left; a BOS that it begins with stays.
    """
    prompts = ids(tokenizer, [render(tokenizer, row["prompt"], add_generation_prompt=True) for row in rows])
    wholes = [ids(tokenizer, [render(tokenizer, [*row["prompt"], *row[side]]) for row in rows]) for side in SIDES]
    made = []
    for row, prompt, chosen, rejected in zip(rows, prompts, *wholes, strict=True):
        start = len(prompt)
        holds = (chosen[:start] == prompt, rejected[:start] == prompt)
        kept = cut_left(prompt, max_prompt_length, tokenizer.bos_token_id)
        made.append(Pair(row["id"], kept, chosen[start:], rejected[start:], holds, cut=len(kept) < start))
    return made


def cut_left(prompt: list[int], most: int | None, bos: int | None) -> list[int]:
    """Return ``most`` ids of a prompt, the last ones; the first of them is its BOS if it begins with one."""
    if most is None or len(prompt) <= most:
        return prompt
    if prompt[0] == bos:
        return [prompt[0], *prompt[len(prompt) - most + 1 :]]
    return prompt[len(prompt) - most :]


def misfits(
    tokenizer: Any, rows: Sequence[Row], limit: int, max_prompt_length: int | None = None
) -> list[Misfit | None]:
    """Return, per preference, why it cannot be trained on, None where it can.

    Both answers count, before any treatment, so that every dose trains on the same rows; ``limit`` is in tokens of the
    prompt, as it is cut, with the longer answer. What a treatment then does to a row is not known here: it may make it
    longer, or its answers equal (``prove_within``, and the doctor).
    """
    pairs = encode(tokenizer, rows, max_prompt_length)
    over = f"longer than max_length {limit}"
    found = reasons(tokenizer, rows, ["prompt", *SIDES], [pair.longest for pair in pairs], limit, over)
    return [_unfit(row, pair, why) for row, pair, why in zip(rows, pairs, found, strict=True)]


def prove_within(encoded: Sequence[Pair], context: int | None) -> None:
    """Raise DataError if a pair is longer than the model's context: a treatment lengthened it after it was fitted."""
    for pair in encoded:
        if context is not None and pair.longest > context:
            raise DataError(
                f"row {pair.id} has {pair.longest} tokens with its longer answer, and the model's context {context}: a "
                "treatment made it longer; lower max_length or max_prompt_length, to leave room for what it adds"
            )


def _unfit(row: Row, pair: Pair, why: Misfit | None) -> Misfit | None:
    """Say what is wrong with a pair beside its length and its special tokens."""
    for side in SIDES:
        said = row[side] or []
        if not "".join(turn["content"] for turn in said).strip():
            return f"its {side} answer is empty", ""
    if pair.equal:
        return EQUAL, row["chosen"][-1]["content"][:80]
    return why
