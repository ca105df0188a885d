"""Formats of benchmarks: a question with its right answer, to evaluate on, or to keep out of training.

The likelihoods of choices are measured by lm-eval; here a benchmark is a question and the text of the right answer.
"""

from __future__ import annotations

from typing import Any

from leaven.data.formats import BadRow, assistant, choice, filled, inside, legible, texts, user
from leaven.registry import format
from leaven.rows import Row


@format(version=1, columns=("question", "answer_matching_behavior"), makes="examples")
def persona(row: Row) -> Row:
    """Anthropic's model-written evaluations: a question and the answer that matches the behaviour, also as label."""
    answer = filled(row["answer_matching_behavior"], "answer_matching_behavior").strip()
    return {
        "prompt": [user(filled(row["question"], "question"))],
        "completion": [assistant(answer, "answer_matching_behavior")],
        "label": answer,
    }


def _answered(question: str, right: str | None, group: Any = None, others: list[str] | None = None) -> Row:
    return {
        "prompt": [user(question)],
        "completion": None if right is None else [{"role": "assistant", "content": right}],
        "group": None if group is None else legible(group, "group"),
        "others": others,
    }


@format(version=1, columns=("question", "answerKey"), makes="examples")
def arc(row: Row) -> Row:
    """ARC: a science question with labelled choices; as AI2 gives it (question.stem) or the hub (choices.text)."""
    question, choices = row["question"], row.get("choices")
    if isinstance(question, dict):
        listed = inside(question, "choices")
        question = inside(question, "stem")
        listed = listed if isinstance(listed, list) else []
        choices = {name: [inside(one, name) for one in listed] for name in ("text", "label")}
    labels, told = inside(choices, "label"), texts(inside(choices, "text"), "choices")
    if not isinstance(labels, list) or len(labels) != len(told) or row["answerKey"] not in labels:
        raise BadRow("answerKey is the label of none of the choices")
    return _answered(filled(question, "question"), told[labels.index(row["answerKey"])])


@format(version=1, columns=("goal", "sol1", "sol2"), makes="examples")
def piqa(row: Row) -> Row:
    """PIQA: a goal and two ways to it; ``label`` (0 or 1) says which is right.

    In the original layout the labels stand in a file of their own, which is not read: then there is no right answer,
    and both ways stand beside the goal.
    """
    goal, ways = filled(row["goal"], "goal"), [filled(row[name], name) for name in ("sol1", "sol2")]
    if (label := row.get("label")) is None:
        return _answered(goal, None, None, ways)
    return _answered(goal, ways[choice(label, 2, "label")])


@format(version=1, columns=("ctx", "endings", "label"), makes="examples")
def hellaswag(row: Row) -> Row:
    """HellaSwag: a context and four endings, of which ``label`` is right; hidden labels (empty) give no answer."""
    endings, label = texts(row["endings"], "endings"), row["label"]
    right = None if label in ("", None) else endings[choice(label, len(endings), "label")]
    return _answered(filled(row["ctx"], "ctx"), right, row.get("activity_label"))


_MMLU = ("question", "A", "B", "C", "D", "answer")


@format(version=1, columns=_MMLU, makes="examples", header=_MMLU)
def mmlu(row: Row) -> Row:
    """MMLU in its original files, which have no header: question, four choices, and the letter of the right one."""
    letter = filled(row["answer"], "answer").strip()
    if letter not in ("A", "B", "C", "D"):
        raise BadRow("answer is none of the letters A, B, C, D")
    return _answered(filled(row["question"], "question"), filled(row[letter], letter))


@format(version=1, columns=("question", "choices", "answer"), makes="examples")
def multiple_choice(row: Row) -> Row:
    """A question, choices and the place of the right one, counted from 0 (MMLU on the hub); subject is group."""
    choices = texts(row["choices"], "choices")
    right = choices[choice(row["answer"], len(choices), "answer")]
    return _answered(filled(row["question"], "question"), right, row.get("subject"))


@format(version=1, columns=("Question", "Best Answer", "Correct Answers"), makes="examples")
def truthfulqa(row: Row) -> Row:
    """TruthfulQA in its first layout: the best answer is the reference, other true answers stand beside it."""
    best = filled(row["Best Answer"], "Best Answer").strip()
    listed = [one.strip() for one in legible(row["Correct Answers"], "Correct Answers").split(";")]
    others = [one for one in listed if one and one != best]
    return _answered(filled(row["Question"], "Question"), best, row.get("Category"), others)
