"""All that the statistics say beside the list of comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leaven.stats.claims import Verdict
from leaven.stats.coherence import Coherence, Degenerate
from leaven.stats.doses.curve import Fit
from leaven.stats.doses.surface import Surface
from leaven.stats.evaluators import Agreement
from leaven.stats.gap import Gap
from leaven.stats.groups.heterogeneity import Heterogeneity
from leaven.stats.people.audit import Corrected


@dataclass(frozen=True)
class Analyses:
    """Fits of doses, grids of two, groups, evaluators, coherence, claims, what people's labels correct, gaps closed."""

    fits: Sequence[Fit] = ()
    surfaces: Sequence[Surface] = ()
    heterogeneity: Sequence[Heterogeneity] = ()
    agreement: Sequence[Agreement] = ()
    coherence: Sequence[Coherence] = ()
    degenerate: Sequence[Degenerate] = ()
    verdicts: Sequence[Verdict] = ()
    corrected: Sequence[Corrected] = ()
    gaps: Sequence[Gap] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return asdict(self)
