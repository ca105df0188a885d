"""Which contrasts a grid of two doses gives: each dose's own slope, and their interaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from leaven.stats.doses import surface


@dataclass(frozen=True)
class Term:
    """One contrast over a grid; ``weights`` is None where the points cannot tell it apart from the others.

    ``range`` is the lowest and highest value of the dose, None for the interaction.
    """

    name: str
    kind: str  # "trend" | "interaction"
    weights: dict[str, float] | None
    range: tuple[float, float] | None


def terms(name: str, doses: tuple[str, str], points: Mapping[str, tuple[float, float]]) -> Iterator[Term]:
    """Yield the slope of each dose, the other held, and what they do together beyond the sum."""
    crossed = surface.crosses(points)
    for place, dose in enumerate(doses):
        values = [point[place] for point in points.values()]
        weights, between = (surface.main(points, place), (min(values), max(values))) if crossed else (None, None)
        yield Term(f"{name}: {dose}", "trend", weights, between)
    yield Term(interaction_name(name, doses), "interaction", surface.interaction(points) if crossed else None, None)


def interaction_name(name: str, doses: tuple[str, str]) -> str:
    """Return what the doses of a grid do together is called."""
    return f"{name}: {' x '.join(doses)}"
