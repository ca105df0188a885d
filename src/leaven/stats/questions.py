"""What a study asks of its measurements: baselines, doses, primaries, margins, claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leaven.stats.claims import Claim
from leaven.stats.gap import Asked

if TYPE_CHECKING:
    import pandas as pd

Grid = Mapping[str, tuple[float, float]]  # arm -> its two doses, the baseline among them


@dataclass(frozen=True)
class Questions:
    """Everything that decides which numbers are made of a long table; only ``to`` is needed.

    ``to`` is one baseline, or arm -> its own; an arm that is in no such mapping is compared with none.
    ``dose`` names the swept parameter whose value the table's ``dose`` column holds. ``grids`` are sweeps of two doses,
    by name; ``dose_names`` are those two. ``primary``, ``margin``, ``coherence`` and ``better`` name a metric, or
    ``suite/metric``. ``greedy`` are the suites whose values involve no draw. ``realised`` is (arm, seed) -> the dose
    that was reached. ``gaps`` are those between a bare model and its teacher that a student is to close. ``locked`` are
    the claims that were hashed before results (None: nothing was locked). ``labels`` is what people said in an audit.
    ``seed`` is that of every drawn permutation and bootstrap.
    """

    to: str | Mapping[str, str]
    dose: str | None = None
    grids: Mapping[str, Grid] = field(default_factory=dict)
    dose_names: tuple[str, str] = ("", "")
    primary: Sequence[str] = ()
    margin: Mapping[str, float] = field(default_factory=dict)
    unasked: Mapping[str, Collection[str]] = field(default_factory=dict)
    greedy: Collection[str] = ()
    realised: Mapping[tuple[str, int], float] = field(default_factory=dict)
    claims: Sequence[Claim] = ()
    locked: Collection[Claim] | None = None
    coherence: Mapping[str, float] = field(default_factory=dict)
    better: Mapping[str, str | None] = field(default_factory=dict)
    evaluators: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gaps: Sequence[Asked] = ()
    labels: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    seed: int = 0

    def against(self, arms: Sequence[str]) -> dict[str, str]:
        """Return arm -> the arm that it is compared with."""
        if isinstance(self.to, str):
            return {arm: self.to for arm in arms if arm != self.to}
        return dict(self.to)
