"""The suite that asks a model which of two given answers it prefers; nothing is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from leaven.registry import Step, suite

_METRICS = [Step(name="preference_accuracy")]


@dataclass(frozen=True)
class PreferenceSuite:
    """Preferences whose two answers a model scores, how they are grouped, and the metrics of its verdicts."""

    name: str
    data: str
    metrics: list[Step]
    by: Literal["length_difference", "group"] | None = None


@suite(
    version=1,
    gives=(
        "chosen_scores", "rejected_scores", "chosen_tokens", "rejected_tokens", "prompts", "references", "others",
    ),
    reads="preferences",
    rates=True,
    blind="whether a model writes the better answer, only whether it orders given ones as these people did",
)  # fmt: skip
def preferences(
    *,
    data: str,
    metrics: Annotated[list[Step], Field(min_length=1)] = _METRICS,
    by: Literal["length_difference", "group"] | None = None,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
) -> PreferenceSuite:
    """Ask which of two answers a model prefers: a reward model by its rewards, any other by its log-probabilities.

    Pairs with equal answers, ties and those longer than the model's context are left out and counted. Unless the
    source has groups, pairs are grouped by how long the preferred answer is beside the other (``by``): a model that
    only likes length is right on one side and wrong on the other. It says whether a model orders answers as these
    people did, not whether it would write the better one.
    """
    return PreferenceSuite(name or data, data, metrics, by)
