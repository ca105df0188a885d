"""Several evaluators of one thing: how far they agree, and whether a verdict depends on which of them is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Evaluators (columns ``suite/metric``) that are said to measure ``name``, item by item and contrast by contrast.

    ``alpha`` is Krippendorff's over all scored texts (nominal for outcomes of 0 and 1, else interval), ``tau`` the
    mean pairwise Kendall tau-b; null without two scored evaluators. ``verdicts`` is arm -> evaluator -> "higher",
    "lower", "same" (equivalence within the margin) or "open"; ``flips`` names the arms where two evaluators show
    opposite changes, or one shows a change where the other shows equivalence; ``unsupported`` those where one shows a
    change and another leaves it open.
    """

    name: str
    evaluators: Sequence[str]
    n_items: int
    alpha: float | None
    tau: float | None
    verdicts: Mapping[str, Mapping[str, str]]
    flips: Sequence[str] = ()
    unsupported: Sequence[str] = ()
    note: str | None = None
