"""The section on ways of aligning, whole: only where a study compares any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaven.report.findings import Findings
from leaven.report.listings import Table
from leaven.report.methods import tables
from leaven.report.methods.doubts import doubts

TITLE = "Ways of aligning"


@dataclass(frozen=True)
class Aligned:
    """The section: what to be careful of, and tables by their titles."""

    doubts: Sequence[str]
    tables: Sequence[tuple[str, Table]]


def section(findings: Findings) -> Aligned | None:
    """Return the section, or None where a study has arms of one way alone."""
    if not findings.methods:
        return None
    return Aligned(doubts(findings), list(listed(findings)))


def listed(findings: Findings) -> Iterator[tuple[str, Table]]:
    """Yield every table with its title."""
    of = {TITLE: tables.ways, "What they cost": tables.costs, "Guards": tables.guards, "Rewards": tables.rewarded}
    every = {title: make(findings) for title, make in of.items()}
    yield from ((title, table) for title, table in every.items() if table is not None)
