"""What a design can find: the smallest detectable effect, the smallest p-value, the items or seeds a margin needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detectable:
    """The smallest true difference found with 80 % power at 5 %, for one seed SD (in units of the item SE)."""

    seed_sd: float  # 0, 0.5 or 1 times the item's standard error; the pilot's own ratio where there is one
    effect: (
        float | None
    )  # in the metric's unit, or in item SDs where the unit's spread is unknown; null: none (seeds < 3)
    equivalence: float | None  # the smallest margin within which "no change" would be shown with 80 % power
    items_needed: int | None = None  # for the declared margin, at these seeds; null: no number suffices, or no margin
    seeds_needed: int | None = None  # for the declared margin, with these items


@dataclass(frozen=True)
class Power:
    """What the planned design can find in one metric. ``spread`` says what the item SD rests on, in words."""

    suite: str
    metric: str
    n_items: int
    n_seeds: int
    n_doses: int  # 0 without a sweep
    item_sd: float
    unit: str  # "share", "score", ...; "item SDs" where the spread is unknown
    spread: str
    margin: float | None
    at: tuple[Detectable, ...]
    smallest_p: float | None  # of the permutation test of the trend; null without a sweep
    note: str | None = None
