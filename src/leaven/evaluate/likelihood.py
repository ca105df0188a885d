"""The suite that asks how expected given texts are to a model; nothing is generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leaven.registry import Step, suite


@dataclass(frozen=True)
class LikelihoodSuite:
    """Rows whose completion the model reads, and the metrics of how expected it was."""

    name: str
    prompts: str
    metrics: list[Step]


@suite(
    version=1, gives=("nats", "tokens", "bytes", "prompts", "references", "others"),
    also=("texts",), with_tokens=("good", "each", "labels"),
)  # fmt: skip
def likelihood(
    *,
    data: str,
    metrics: Annotated[list[Step], Field(min_length=1)],
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
) -> LikelihoodSuite:
    """Let the model read each row's prompt and completion, and say how expected the completion was (perplexity).

    Only the completion's own text is counted; what the chat template puts around it is read and not counted. Rows that
    are longer than the model's context are left out and counted.
    """
    return LikelihoodSuite(name or data, data, metrics)
