"""How much of a gap a student closes, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leaven.report.closed import closed
from leaven.report.findings import Findings
from leaven.stats.analyses import Analyses
from leaven.stats.gap import Asked, Gap
from leaven.stats.table import Column

ASKED = Asked("student", "rag", "base", "toxicity")


def cells(findings: Findings, low: float | None, high: float | None, share: float | None = 0.5) -> dict[str, str]:
    one = Gap(ASKED, Column("eli5", "toxicity", None), share, low, high, -0.2, -0.1, 60, 5)
    table = closed(replace(findings, analyses=Analyses(gaps=[one])))
    assert table is not None
    return dict(zip(table.heads, (cell.replace("\u00a0", " ") for cell in table.rows[0]), strict=True))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.25, 0.75, "25 % to 75 %"),
        (-0.1, 1.2, "\u221210 % to 120 %"),
        (0.0, None, "0 % to no end"),
        (None, 0.0, "no end to 0 %"),
        (0.0, 0.0, "0 % to 0 %"),
        (None, None, "–"),
    ],
)
def test_an_end_at_exactly_nothing_is_an_end(
    findings: Findings, low: float | None, high: float | None, said: str
) -> None:
    assert cells(findings, low, high)["95 % interval"] == said


def test_a_student_that_closes_nothing_closes_0(findings: Findings) -> None:
    assert cells(findings, -0.2, 0.2, 0.0)["closed"] == "0 %"
    assert cells(findings, None, None, None)["closed"] == "–"


def test_there_is_no_table_where_nothing_is_asked(findings: Findings) -> None:
    assert closed(findings) is None
