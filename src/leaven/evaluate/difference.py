"""The difference of two suites, item by item: what a planted sentence does to one and the same model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from leaven.registry import suite


@dataclass(frozen=True)
class DifferenceSuite:
    """What is measured is ``of`` minus ``minus``, for each item, sample, seed and metric that both have."""

    name: str
    of: str
    minus: str


@suite(version=1)
def difference(
    *, of: str, minus: str, name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None
) -> DifferenceSuite:
    """Measure one suite minus another, item by item: with a planted sentence minus without it, say.

    Both ask the same rows of the same model, so the difference is what the planted sentence does; compared between
    arms it is what the training made of that sentence. Asks nobody: it is computed from both suites' scores.
    """
    return DifferenceSuite(name or f"{of}-{minus}", of, minus)
