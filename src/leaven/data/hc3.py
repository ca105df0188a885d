"""The format of HC3: the same questions answered by people and by a model."""

from __future__ import annotations

from typing import Literal

from leaven.data.formats import BadRow, Skipped, assistant, filled, legible, user
from leaven.registry import format
from leaven.rows import Row

_COLUMNS = {"human": "human_answers", "chatgpt": "chatgpt_answers"}


@format(version=1, columns=("question", "human_answers", "chatgpt_answers"), makes="preferences", grouped=True)
def hc3(row: Row, *, answers: Literal["human", "chatgpt"] = "human") -> Row:
    """HC3: a question with the first answers of a person and of ChatGPT, of which one side is demonstrated.

    The side that is asked for is ``chosen``, the other ``rejected`` (nobody said which is better: the margin is
    unknown). A question that one side did not answer is left out; both answers must fit where rows are fitted, so a
    training on either side has the same prompts. The group is the part of the set that the question is from.
    """
    question = filled(row["question"], "question")
    first = {who: _first(row[column], column) for who, column in _COLUMNS.items()}
    if lacking := next((who for who, text in first.items() if text is None), None):
        raise Skipped(f"no answer of {lacking}")
    other = "chatgpt" if answers == "human" else "human"
    return {
        "prompt": [user(question)],
        "chosen": [assistant(first[answers], _COLUMNS[answers])],
        "rejected": [assistant(first[other], _COLUMNS[other])],
        "margin": None,
        "group": None if row.get("source") is None else legible(row["source"], "source"),
    }


def _first(value: object, column: str) -> str | None:
    """Return the first answer that says something."""
    if not isinstance(value, list):
        raise BadRow(f"{column} is no list of answers")
    said = (legible(text, column) for text in value)
    return next((text for text in said if text.strip()), None)
