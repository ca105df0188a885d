"""The page's section on judges and on what was built of their ranks, whole: only where a study has any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report.charts.chart import Chart
from leaven.report.figures import Keys, keyed
from leaven.report.judges.doubts import doubts
from leaven.report.judges.firsts import MOST, firsts_chart
from leaven.report.judges.found import JudgeInfo, Judging
from leaven.report.judges.plain import JUDGES, OF_BUILDING, listed
from leaven.report.judges.read import Read, read
from leaven.report.listings import Table


@dataclass(frozen=True)
class Judged:
    """The section: what to be careful of, tables (title, table), charts, what was built, and samples to read."""

    doubts: Sequence[str]
    judges: Table | None
    charts: Sequence[tuple[Chart, Keys, Keys]]
    more: Sequence[tuple[str, Table]]
    built: Sequence[tuple[str, Table]]
    read: Sequence[Read]


def section(judging: Judging) -> Judged | None:
    """Return the section, or None where a study asks no judge and builds no data."""
    if not judging:
        return None
    drawn = [firsts_chart(one, f"firsts-{place}") for place, one in enumerate(_standing(judging), start=1)]
    every = dict(listed(judging))
    built = [(title, every.pop(title)) for title in OF_BUILDING if title in every]
    return Judged(
        doubts(judging), every.pop(JUDGES, None), keyed(chart for chart in drawn if chart is not None),
        list(every.items()), built, read(judging),
    )  # fmt: skip


def _standing(judging: Judging) -> list[JudgeInfo]:
    """Return the judges before whom answers stood in an order, those that were built on first."""
    there = [one for one in judging.judges if one.found.places is not None and not one.by_people]
    return sorted(there, key=lambda one: not one.built)[:MOST]
