"""Many tests at once: Holm's correction for the primary family, Benjamini and Hochberg's for the exploratory one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from leaven.rows import Comparison
from leaven.stats.table import Column

PRIMARY, EXPLORATORY = "primary", "exploratory"


def names_of(column: Column) -> tuple[str, str]:
    """Return the ways in which a study may name a column: ``metric``, or ``suite/metric``."""
    return column.metric, f"{column.suite}/{column.metric}"


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Set ``p_holm`` in the primary and ``p_bh`` in the exploratory family; a comparison without p is in neither."""
    holm = dict(_adjusted(comparisons, PRIMARY, "holm"))
    hochberg = dict(_adjusted(comparisons, EXPLORATORY, "fdr_bh"))
    return [
        replace(comparison, p_holm=holm.get(place), p_bh=hochberg.get(place))
        for place, comparison in enumerate(comparisons)
    ]


def _adjusted(comparisons: Sequence[Comparison], family: str, method: str) -> list[tuple[int, float]]:
    tested = [(place, c.p) for place, c in enumerate(comparisons) if c.family == family and c.p is not None]
    if not tested:
        return []
    from statsmodels.stats.multitest import multipletests

    places, p = zip(*tested, strict=True)
    return list(zip(places, map(float, multipletests(p, method=method)[1]), strict=True))
