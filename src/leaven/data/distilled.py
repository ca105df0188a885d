"""A teacher's answers -> what a student learns from: the bare prompt, the answer, and what the teacher was asked with.

Context distillation (Askell et al. 2021): the teacher keeps its system prompt, examples or passages, the student loses
them. By the same formatter as everything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaven.data.canonical import excerpt
from leaven.data.chat import IGNORED, Encoded, Misfit, ids, prompt_ids, render
from leaven.errors import DataError
from leaven.rows import Message, Row

UNFINISHED, BLANK, SILENT = "its teacher did not finish it", "its teacher's answer is blank", "its teacher gave none"
_REMEDY = {
    UNFINISHED: "raise max_new_tokens, or ask a teacher that stops",
    BLANK: "look at what the teacher is asked",
    SILENT: "look at what the teacher is asked",
}


@dataclass(frozen=True)
class Taught:
    """A teacher's answers to bare prompts (``rows``), its own prompts under the same ids, and what is left out."""

    rows: list[Row]
    asked: list[Row]
    drops: list[Row]


def taught(
    prompts: Sequence[Row], wrapped: Sequence[Row], answers: Sequence[Row], *, unfinished: bool = False
) -> Taught:
    """Return *examples* of bare prompts with the teacher's answers, and the *examples* that the teacher was asked.

    ``wrapped`` are the prompts that it was asked, by the same ids; ``answers`` its *generations*. Ids stay; where a
    prompt has several answers, their samples are marked. An answer that is blank, or that its limit cut off unless
    ``unfinished``, is left out, and so is a prompt without any: ``len(rows) + len(drops)`` is how many answers there
    are, and such prompts. Raises DataError if an answer is to an unknown prompt, or nothing is left.
    """
    bare, full = {row["id"]: row for row in prompts}, {row["id"]: row for row in wrapped}
    several = any(answer["sample"] for answer in answers)
    rows, asked, drops = [], [], []
    for answer in answers:
        name = answer["prompt_id"]
        if name not in bare or name not in full:
            raise DataError(f"the teacher answered {name}, which is no prompt of the student; run the study again")
        marked = f"{name}#s{answer['sample']}" if several else name
        if (why := _unlearnable(answer, unfinished=unfinished)) is not None:
            drops.append({"id": marked, "reason": why, "excerpt": excerpt(answer["text"] or "")})
            continue
        rows.append({**_about(bare[name], marked), "completion": [{"role": "assistant", "content": answer["text"]}]})
        asked.append(_about(full[name], marked))
    answered = {answer["prompt_id"] for answer in answers}
    drops += [{"id": name, "reason": SILENT, "excerpt": ""} for name in bare if name not in answered]
    _prove_some(rows, drops)
    return Taught(rows, asked, drops)


def _unlearnable(answer: Row, *, unfinished: bool) -> str | None:
    if answer["text"] is None:
        return SILENT
    if not answer["text"].strip():
        return BLANK
    return None if unfinished or answer["finish_reason"] == "stop" else UNFINISHED


def _about(row: Row, name: str) -> Row:
    known = {column: row.get(column) for column in ("source", "group", "label")}
    return {"id": name, **known, "prompt": row["prompt"]}


def _prove_some(rows: Sequence[Row], drops: Sequence[Row]) -> None:
    if rows:
        return
    reasons = Counter(drop["reason"] for drop in drops)
    if not reasons:
        raise DataError("the teacher was asked nothing; name prompts")
    said = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    raise DataError(f"none of the teacher's answers can be learnt: {said}; {_REMEDY[reasons.most_common(1)[0][0]]}")


@dataclass(frozen=True)
class Distillation:
    """One answer's ids behind two prompts: its teacher's, and the bare one that the student is asked.

    ``holds``: the student's prompt is a prefix of its prompt with the answer.
    """

    id: str
    teacher_ids: list[int]
    prompt_ids: list[int]
    completion_ids: list[int]
    holds: bool = True

    @property
    def longest(self) -> int:
        """How many tokens the longer view has, with the answer."""
        return max(len(self.teacher_ids), len(self.prompt_ids)) + len(self.completion_ids)

    @property
    def student(self) -> Encoded:
        """What the student sees; only the answer carries loss."""
        ignored = [IGNORED] * len(self.prompt_ids)
        whole = self.prompt_ids + self.completion_ids
        return Encoded(self.id, whole, ignored + self.completion_ids, self.holds, answer_at=len(ignored))

    def as_row(self) -> Row:
        """Return the row of the table ``distillations``."""
        return {name: getattr(self, name) for name in ("id", "teacher_ids", "prompt_ids", "completion_ids")}


def encode(
    tokenizer: Any, rows: Sequence[Row], asked: Mapping[str, Sequence[Message]], *, teacher_template: bool = True
) -> list[Distillation]:
    """Encode examples, and the prompts that their teacher was asked (by id): the answer's ids are the same behind both.

    Without ``teacher_template`` the teacher was asked with the text of its last user turn alone. Raises DataError if a
    row has no prompt of a teacher.
    """
    if unknown := next((row["id"] for row in rows if row["id"] not in asked), None):
        raise DataError(f"row {unknown} has no teacher's prompt: `distill` trains on a teacher's answers as they were "
                        "made; name data that is `distilled`, in no mixture")  # fmt: skip
    prompts = ids(tokenizer, [render(tokenizer, row["prompt"], add_generation_prompt=True) for row in rows])
    wholes = ids(tokenizer, [render(tokenizer, [*row["prompt"], *row["completion"]]) for row in rows])
    told = prompt_ids(tokenizer, [asked[row["id"]] for row in rows], teacher_template)
    return [
        Distillation(row["id"], teacher, prompt, whole[len(prompt) :], whole[: len(prompt)] == prompt)
        for row, teacher, prompt, whole in zip(rows, told, prompts, wholes, strict=True)
    ]


def misfit(one: Distillation, limit: int) -> Misfit | None:
    """Return why an answer cannot be distilled, None if it can; ``limit`` is in tokens of either prompt with it."""
    if not one.teacher_ids or not one.prompt_ids:
        return "nothing stands before its answer", ""
    if one.longest <= limit:
        return None
    teacher = len(one.teacher_ids) > len(one.prompt_ids)
    whose = "its teacher's prompt and the answer are" if teacher else "its prompt and the answer are"
    return f"{whose} longer than max_length {limit}", f"{one.longest} tokens"
