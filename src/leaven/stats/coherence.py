"""Is the model still a language model? Non-inferiority, jointly, on what a broken model gets wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Coherence:
    """One arm's gate. ``verdict`` is "coherent" (all bounds within their margins), "incoherent" (at least one is shown
    to be worse than its margin), "unproven" (neither), or "not measured".

    ``parts`` is column -> (effect in the harmful direction, its one-sided 95 % bound, margin); effect and bound are
    null where not measured.
    """

    arm: str
    baseline: str
    verdict: str
    parts: Mapping[str, tuple[float | None, float | None, float]]
    failed: Sequence[str] = ()  # columns shown to be worse than their margin
    unproven: Sequence[str] = ()


@dataclass(frozen=True)
class Degenerate:
    """A metric that tells nothing of an arm: every item has one value, or it equals a constant predictor's."""

    arm: str
    suite: str
    metric: str
    value: float
    note: str
