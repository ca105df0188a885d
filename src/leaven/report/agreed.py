"""How often a judge by people's labels says what people said, as rows: of all verdicts, and by similarity."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.findings import AgreedInfo
from leaven.report.listings import NOTHING, Table

_NOTE = (
    "Each labelled answer was judged by the others to its question, the same answer in the same words left out. An arm"
    " of which fewer answers have a verdict, or less alike ones, is judged worse than another; and errors that fall on"
    " one label more than on the other move its share. The last column is what always saying the more frequent label"
    " would reach."
)


def agreed_table(agreed: Sequence[AgreedInfo]) -> Table | None:
    """Return one line per suite, and one per band of similarity; bands below the suite's least have no verdicts."""
    heads = ["suite", "similarity of the closest", "labelled answers", "agrees with people", "of true ones",
             "of false ones", "more frequent label"]  # fmt: skip
    rows = [
        [one.suite, _band(one), f"{numbers.count(one.answers)} of {numbers.count(one.total)}", _share(one.accuracy),
         _share(one.of_true), _share(one.of_false), _share(one.majority)]
        for one in agreed
    ]  # fmt: skip
    return Table(heads, rows, frozenset(range(2, len(heads))), _NOTE) if rows else None


def _band(one: AgreedInfo) -> str:
    return "all that have a verdict" if one.band is None else f"{one.band[0]:g} to {one.band[1]:g}"


def _share(value: float | None) -> str:
    return NOTHING if value is None else numbers.value(value, "share")
