"""How far a judge by labels is right, on the page: shares, bands, and nothing where there is nothing."""

from __future__ import annotations

from leaven.report.agreed import agreed_table
from leaven.report.findings import AgreedInfo

NBSP = "\u00a0"


def test_all_verdicts_come_first_and_then_the_bands() -> None:
    every = AgreedInfo("truthful", None, 10_513, 13_299, 0.7875, 0.719, 0.834, 0.592)
    made = agreed_table([every, AgreedInfo("truthful", (0.2, 0.3), 2030, 13_299, 0.724)])
    assert made is not None and all(len(row) == len(made.heads) for row in made.rows)
    assert made.rows[0][1:4] == ["all that have a verdict", "10,513 of 13,299", f"78.8{NBSP}%"]
    assert made.rows[1][1] == "0.2 to 0.3" and made.rows[1][4:] == ["–"] * 3


def test_a_judge_that_says_nothing_has_no_share() -> None:
    made = agreed_table([AgreedInfo("truthful", None, 0, 9, None)])
    assert made is not None and made.rows[0][3] == "–"
    assert agreed_table([]) is None
