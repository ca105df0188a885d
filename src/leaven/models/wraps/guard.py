"""A guard before and behind a model: what it blocks is answered by a refusal."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from leaven.models.wraps.wrap import Wrap
from leaven.registry import OF_ALL, Declared, Step, Text, wrap

Place = Literal["prompt", "answer"]
Share = Annotated[float, Field(gt=0, lt=1)]


class Intents(Declared):
    """Rows of the study by which intents are learned: those of the labels ``blocks`` are blocked."""

    data: Text
    blocks: Annotated[list[Text], Field(min_length=1)]
    field: Literal["label", "group"] = "label"


def _places(on: list[Place]) -> list[Place]:
    if len(set(on)) < len(on):
        raise ValueError("names a place twice")
    return on


def _one_scorer(metric: Step | None, info: ValidationInfo) -> Step | None:
    if "intents" in info.data and (metric is None) == (info.data["intents"] is None):
        said = "a guard decides by exactly one of `intents` and `metric`; name what it goes by"
        raise PydanticCustomError(OF_ALL, said)
    return metric


def _of_metric(value: Any, info: ValidationInfo) -> Any:
    if value is not None and "metric" in info.data and info.data["metric"] is None:
        raise ValueError("is for a metric; an intent's probability blocks above its threshold")
    return value


def _one_threshold(validation: str | None, info: ValidationInfo) -> str | None:
    given = [info.data.get("above"), info.data.get("below"), validation]
    if {"above", "below"} <= set(info.data) and sum(one is not None for one in given) != 1:
        said = (
            "a guard blocks `above` or `below` a number, or by a threshold that is set on `validation` rows; "
            "declare exactly one of the three"
        )
        raise PydanticCustomError(OF_ALL, said)
    if validation is not None and "answer" in info.data.get("on", ()):
        raise ValueError("sets a threshold for prompts alone: answers that others wrote are not like the model's; "
                         "declare `above` or `below` for answers, in a guard of their own")  # fmt: skip
    return validation


def _with_validation(value: Any, info: ValidationInfo) -> Any:
    if "validation" in info.data and (info.data["validation"] is None) != (value is None):
        raise ValueError("goes with `validation`: what share of its harmless rows may be blocked sets the threshold")
    return value


def _if_validation(value: Any, info: ValidationInfo) -> Any:
    if value is not None and "validation" in info.data and info.data["validation"] is None:
        raise ValueError("says on which side a threshold blocks that is set on `validation`; write above or below")
    return value


def _harmless(labels: list[str], info: ValidationInfo) -> list[str]:
    if info.data.get("validation") is not None and not labels:
        raise ValueError("name the labels of the validation rows that are harmless; a threshold is set on them")
    intents = info.data.get("intents")
    if both := [label for label in labels if intents is not None and label in intents.blocks]:
        raise ValueError(f"'{both[0]}' is one of the labels that the guard blocks; what is blocked is not harmless")
    return labels


@wrap(version=1, data={"examples": "intents.data", "validation": "validation"})
def guard(  # noqa: PLR0913 - declared arguments
    *,
    on: Annotated[list[Place], Field(min_length=1), AfterValidator(_places)] = ["prompt"],  # noqa: B006
    intents: Intents | None = None,
    metric: Annotated[Step | None, AfterValidator(_one_scorer), Field(validate_default=True)] = None,
    value: Annotated[Text | None, AfterValidator(_of_metric)] = None,
    above: float | None = None,
    below: Annotated[float | None, AfterValidator(_of_metric)] = None,
    validation: Annotated[Text | None, AfterValidator(_one_threshold), Field(validate_default=True)] = None,
    side: Annotated[
        Literal["above", "below"] | None, AfterValidator(_of_metric), AfterValidator(_if_validation)
    ] = None,
    false_block_rate: Annotated[Share | None, AfterValidator(_with_validation), Field(validate_default=True)] = None,
    harmless: Annotated[list[Text], AfterValidator(_harmless), Field(validate_default=True)] = [],  # noqa: B006
    refusal: Text = "I can't help with that.",
) -> Wrap:
    """Block prompts or answers by what a classifier of intents, or any metric of texts, says; answer by a refusal.

    ``intents``: logistic regression on TF-IDF of words and pairs of words, fitted on labelled rows of the study; the
    score is the probability that a text is of one of the labels ``blocks``; a guard on the answer learns from the rows'
    answers. ``metric``: ``value`` where it has several; it blocks ``above`` or ``below`` a number. Or, on the prompt,
    the threshold is set on ``validation`` rows, which no suite may ask: so that of harmless prompts like those at most
    ``false_block_rate`` are blocked on average (conformal, as in Angelopoulos and Bates 2021); it blocks on the
    metric's worse side, or on ``side``. ``harmless``: labels or groups of rows that should not be blocked, there and in
    what is measured (``false_block``). A guard on the prompt reads the bare last user turn. A text that cannot be
    scored is not blocked, and counted.
    """
    data = {"examples": None if intents is None else intents.data, "validation": validation}
    del on, metric, value, above, below, side, false_block_rate, harmless, refusal  # see models/guard.py
    return Wrap(guards=True, reads={role: name for role, name in data.items() if name is not None})
