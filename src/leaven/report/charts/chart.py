"""What a drawn chart hands to the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOT_DRAWN = "Not measured in any arm, or not as a number that can be drawn."
MANY = 40  # arms; beyond this a chart draws less of each
HUGE = 1e15  # beyond this a chart shows nothing but its axis


@dataclass(frozen=True)
class Chart:
    """One chart with what the reader needs beside it.

    ``kind`` is dose, forest, tradeoff, groups, seeds, training, preferences, heat or surface. ``name`` is safe in ids
    and unique in the page. ``svg`` is empty where nothing could be drawn; then ``note`` says why. ``legend`` holds
    (css key class, meaning). Texts may be hostile: whoever shows them escapes them.
    """

    name: str
    kind: str
    title: str
    description: str
    svg: str
    legend: list[tuple[str, str]]
    note: str = ""
    metric: str = ""
    suite: str = ""


def drawable(values: Sequence[float | None]) -> bool:
    """Say whether there is something to draw, and nothing too large (or not a number) for an axis."""
    measured = [x for x in values if x is not None]
    return bool(measured) and all(-HUGE < x < HUGE for x in measured)
