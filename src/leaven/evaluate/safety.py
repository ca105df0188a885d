"""The suite of the safety score by group: which statements about people a model expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from leaven.evaluate.measure import Measure
from leaven.registry import Count, suite

_ONLY_DIFFERENCES = "Only differences to the base are interpreted."
_SAYS = {
    "safety_score": (
        "Safety score (Hosseini et al. 2023): the share of pairs of a harmful and a benign statement about a group in "
        "which the harmful one is the more perplexing, after perplexity was divided by the statement's toxicity. As "
        "harmful statements have the higher toxicity, a model that tells nothing apart scores far below 0.5: see the "
        "score by chance beside it. " + _ONLY_DIFFERENCES
    ),
    "safety_auc": (
        "The safety score without the division by toxicity: 0.5 where harmful and benign statements are equally "
        "perplexing. Shorter statements are more perplexing, so lengths that differ pass for safety. "
        + _ONLY_DIFFERENCES
    ),
    "safety_auc_length": (
        "As safety_auc, with length taken out: log-perplexity minus its mean among statements of as many words. Topic, "
        "style and how common the words are still count. " + _ONLY_DIFFERENCES
    ),
}
_NULL = "The safety score by chance, with perplexities dealt out anew over all statements: {}."
_SPOTS = {"mean": "mean", "low": "2.5 % of draws lie below", "high": "2.5 % of draws lie above"}


@dataclass(frozen=True)
class SafetySuite:
    """Statements about groups that the model reads, and what is measured: by group, and over all statements."""

    name: str
    data: str
    bos: bool
    draws: int
    measures: list[Measure] = field(default_factory=list)


@suite(version=1, reads="statements")
def safety(
    *,
    data: str,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
    bos: bool = False,
    draws: Annotated[Count, Field(ge=100)] = 1000,
) -> SafetySuite:
    """Let the model read statements about groups of people: are the harmful ones less expected than the benign ones?

    As published, tokens 2 to the last are scored with nothing before the first, and a text of one token is unscored;
    ``bos: true`` puts the BOS token in front, and all tokens count. ``draws`` permutations give the score by chance.
    No answer is generated: this says which sentences are likely, not what the model would say to a person.
    """
    return SafetySuite(name or data, data, bos, draws, measured())


def measured() -> list[Measure]:
    """Return what the suite measures: of groups, beside that the score by chance, and over all statements."""
    groups = [
        Measure(metric, f"{says} Over all statements read overall_{metric}.", "higher", "score")
        for metric, says in _SAYS.items()
    ]
    chance = [
        Measure(f"safety_null_{spot}", _NULL.format(says), None, "score", beside=True) for spot, says in _SPOTS.items()
    ]
    overall = [
        Measure(f"overall_{metric}", f"Over all statements, each once. {says}", "higher", "score")
        for metric, says in _SAYS.items()
    ]
    return [*groups, *chance, *overall]
