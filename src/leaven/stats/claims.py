"""Claims that were written down before the results: supported, refuted, or undecided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A sentence with its contrast. ``holds`` is what it says of arm minus baseline: "higher" or "lower" (by more than
    ``margin``, which may be 0), "same" (within ``margin``), "not higher" or "not lower" (by no more than ``margin``).

    ``to`` is null for the arm's own baseline; ``metric`` may be ``suite/metric``; ``group`` null: all items.
    """

    says: str
    arm: str
    metric: str
    holds: str
    margin: float = 0.0
    to: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the data say of a claim: ``verdict`` is "supported", "refuted" or "undecided".

    ``p`` is that of the one-sided test (two of them for "same") which the verdict rests on, ``p_holm`` after Holm's
    correction over all claims. ``effect``, ``low90``, ``high90`` are of the contrast. ``locked`` is False for a claim
    that was not in the compare block when it was hashed: such a claim is exploratory, whatever it says.
    """

    claim: Claim
    verdict: str
    effect: float | None
    low90: float | None
    high90: float | None
    p: float | None
    p_holm: float | None
    n_items: int = 0
    n_seeds: int = 0
    locked: bool = True
    note: str | None = None
