"""Does an arm's effect differ between groups at all? Asked once over arms x groups, before any group is named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heterogeneity:
    """The max-T test of one metric over all arms and groups; ``p`` is null where it could not be made (``note``)."""

    suite: str
    metric: str
    p: float | None
    n_arms: int
    n_groups: int
    n_items: int
    test: str
    largest_arm: str | None = None  # where the largest T stands; to be named only if p < 0.05
    largest_group: str | None = None
    note: str | None = None

    @property
    def is_shown(self) -> bool:
        """Whether a single group may be named."""
        return self.p is not None and self.p < 0.05
