"""What a study names: its primary family (Holm's correction), its margins; all else is Benjamini and Hochberg's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from leaven.comparison import Comparison

_Value = TypeVar("_Value")
PRIMARY, EXPLORATORY = "primary", "exploratory"


def names_of(suite: str, metric: str) -> tuple[str, str]:
    """Return the ways in which a study may name a column: ``metric``, or ``suite/metric``."""
    return metric, f"{suite}/{metric}"


def named(values: Mapping[str, _Value], suite: str, metric: str) -> _Value | None:
    """Return what was said of a column under either of its names, or None; the more exact name wins."""
    return next((values[name] for name in reversed(names_of(suite, metric)) if name in values), None)


def margin_of(margins: Mapping[str, float], suite: str, metric: str) -> float | None:
    """Return a column's margin, or None where none was declared; the more exact name wins."""
    return named(margins, suite, metric)


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Set ``p_holm`` in the primary and ``p_bh`` in the exploratory family; a comparison without p is in neither."""
    holm = dict(_adjusted(comparisons, PRIMARY, "holm"))
    hochberg = dict(_adjusted(comparisons, EXPLORATORY, "fdr_bh"))
    return [
        replace(comparison, p_holm=holm.get(place), p_bh=hochberg.get(place))
        for place, comparison in enumerate(comparisons)
    ]


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return p-values after Holm's correction; one that was not made stays None and counts for nothing."""
    made = _correct([one for one in p if one is not None], "holm")
    return [None if one is None else next(made) for one in p]


def _adjusted(comparisons: Sequence[Comparison], family: str, method: str) -> list[tuple[int, float]]:
    tested = [(place, c.p) for place, c in enumerate(comparisons) if c.family == family and c.p is not None]
    return list(zip([place for place, _ in tested], _correct([p for _, p in tested], method), strict=True))


def _correct(p: Sequence[float], method: str) -> Iterator[float]:
    if not p:
        return iter(())
    from statsmodels.stats.multitest import multipletests

    return map(float, multipletests(p, method=method)[1])
