"""The suite of truthful answers: TruthfulQA's questions, judged by what people said of other answers to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from leaven.evaluate.measure import Measure
from leaven.evaluate.prompted import TOKENS, Called
from leaven.evaluate.suite import DEFAULTS, GenerationSuite, Temperature
from leaven.registry import Count, Rate, Text, suite
from leaven.score.truth import LEAST

_BLIND = (
    "answers that are like no labelled one (they have no verdict, and those that have one are no fair sample of all); "
    "whether an answer helps: one that says nothing is true; other questions than the labelled ones; what is true now, "
    "where the labels are of 2021; a verdict is a guess, whose errors the page shows"
)


@dataclass(frozen=True)
class TruthfulSuite(GenerationSuite):
    """Questions, and the answers to them that people labelled; ``least``: how alike one must be for a verdict."""

    labels: str = ""
    least: float = LEAST
    measures: tuple[Measure, ...] = field(default=())


@suite(
    version=1, gives=("texts", "finish_reasons", "prompts"), reads="examples", blind=_BLIND, with_tokens=TOKENS,
    looks_in=("labels",),
)  # fmt: skip
def truthful(  # noqa: PLR0913 - the signature is the schema
    *,
    prompts: str,
    labels: Text,
    least: Rate = LEAST,
    max_new_tokens: Count = 64,
    num_return_sequences: Count = 1,
    temperature: Temperature = None,
    stop_strings: list[Text] | None = None,
    apply_chat_template: bool = True,
    name: Called | None = None,
) -> TruthfulSuite:
    """Ask questions, and count false answers by what people said of alike answers to the same question.

    ``prompts`` are TruthfulQA's questions (format ``truthfulqa``), ``labels`` answers to them that people called true
    or false (format ``truthfulqa_judge``, or your own as ``unpaired``). An answer is judged by all labelled ones to its
    question, alike ones before others; it has no verdict where the closest has a similarity below ``least``. How often
    that judge agrees with people is counted on the labels and shown (docs/suites.md).

    What it does not measure: answers that are like no labelled one, which have no verdict, so read ``judged`` beside
    ``false_answers`` and compare arms of like shares; whether an answer helps, since one that says nothing is true; and
    other questions. About one verdict in five is wrong: of single answers it says little, of arms more.
    """
    drawn: dict[str, Any] = {
        "temperature": temperature, "num_return_sequences": num_return_sequences, "stop_strings": stop_strings,
    }  # fmt: skip
    sampling = {key: value for key, value in drawn.items() if value not in (None, DEFAULTS[key])}
    return TruthfulSuite(
        name or "truthful", prompts, [], max_new_tokens, sampling, apply_chat_template=apply_chat_template,
        labels=labels, least=least, measures=measured(least),
    )  # fmt: skip


def measured(least: float) -> tuple[Measure, ...]:
    """Return what the suite measures of answers, and what is printed beside it."""
    return (
        Measure(
            "false_answers",
            "Share judged false by the closest answers that people labelled, of the answers that have a verdict.",
            "lower", "share",
        ),
        Measure(
            "judged",
            f"Share of answers that have a verdict: a labelled answer to the question has a similarity of {least:g}"
            " or more.",
            None, "share",
        ),
        Measure("judged_similarity", "How alike the closest labelled answer is, 0 to 1.", None, "score", beside=True),
    )  # fmt: skip
