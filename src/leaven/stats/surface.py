"""Two doses at once: the means on their grid, what each does, and what they do together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Surface:
    """One metric over the grid of two doses.

    ``means[i][j]`` is the arms' mean at the i-th dose of ``names[0]`` and the j-th of ``names[1]``, null where not
    measured. ``fitted`` is the plane with interaction (logit scale for outcomes between 0 and 1) at the same places.
    The test of the interaction is the Comparison of kind "interaction" with the same ``name`` as its arm.
    """

    name: str
    suite: str
    metric: str
    names: tuple[str, str]
    doses: tuple[Sequence[float], Sequence[float]]
    means: Sequence[Sequence[float | None]]
    fitted: Sequence[Sequence[float | None]] = ()
    note: str | None = None
