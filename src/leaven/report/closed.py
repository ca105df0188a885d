"""How much of the gap between a bare model and its teacher a student closes, as rows."""

from __future__ import annotations

from leaven.report import numbers
from leaven.report.certainty import called
from leaven.report.findings import Findings
from leaven.report.listings import NOTHING, Table
from leaven.stats.gap import Gap

_NOTE = (
    "Closed: (student - bare) / (teacher - bare), on the same items and seeds; the student is asked without its "
    "teacher's prompt. 95 % intervals by Fieller's method: where the teacher is not shown to be better than the bare "
    "model there is none, and where it is worse there is no share."
)


def closed(findings: Findings) -> Table | None:
    """Return one line for each gap that the study asks for."""
    heads = ["student", "teacher", "bare", "metric", "closed", "95 % interval", "teacher - bare", "student - bare",
             "items", "seeds", "note"]  # fmt: skip
    rows = [_row(findings, one) for one in findings.analyses.gaps]
    return Table(heads, rows, frozenset({4, 5, 6, 7, 8, 9}), _NOTE) if rows else None


def _row(findings: Findings, one: Gap) -> list[str]:
    unit = findings.metric(one.column.suite, one.column.metric).unit
    has_ends = one.low is not None or one.high is not None  # an end of exactly 0 is one
    between = f"{_end(one.low, 'no end')} to {_end(one.high, 'no end')}" if has_ends else NOTHING
    return [
        one.asked.student,
        one.asked.teacher,
        one.asked.bare,
        called(findings, one.column.suite, one.column.metric),
        _end(one.closed, NOTHING),
        between,
        numbers.change(one.gap, unit),
        numbers.change(one.step, unit),
        numbers.count(one.n_items),
        numbers.count(one.n_seeds),
        one.note or NOTHING,
    ]


def _end(share: float | None, none: str) -> str:
    """Write a share of the gap in whole percent; it may lie below 0 or beyond 100."""
    return f"{100 * share:.0f}{numbers.NBSP}%".replace("-", "\u2212") if numbers.is_number(share) else none
