"""The section without charts: for messages, papers and programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from leaven.report.judges import made, tables
from leaven.report.judges.doubts import doubts
from leaven.report.judges.found import Judging
from leaven.report.listings import Table

TITLE, JUDGES = "Judges and what was built", "Judges"
OF_BUILDING = ("What was built", "Left out, and why", "How different the answers were")


def sentences(judging: Judging) -> list[str]:
    """Return what is said in sentences."""
    return doubts(judging) if judging else []


def listed(judging: Judging) -> Iterator[tuple[str, Table]]:
    """Yield every table with its title."""
    of_judges = {
        JUDGES: tables.judges,
        "Judges against people": tables.people,
        "Asked twice, and in pairs": tables.asked,
        "Place and length together": tables.together,
        "Judges against each other": tables.between,
    }
    of_building = dict(zip(OF_BUILDING, (made.built, made.dropped, made.diversity), strict=True))
    every = {title: make(judging) for title, make in (of_judges | of_building).items()}
    yield from ((title, table) for title, table in every.items() if table is not None)


def as_dict(judging: Judging) -> dict[str, Any]:
    """Return what the section is made of, for programs; empty where there is nothing."""
    if not judging:
        return {}
    parts = {name: [asdict(one) for one in getattr(judging, name)] for name in ("judges", "agreements", "built")}
    return {"judging": parts}
