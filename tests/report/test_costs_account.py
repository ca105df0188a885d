"""The account as a table: lower bounds are said to be such, and what nobody measured is no 0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leaven.report import costs
from leaven.report.spent import Account, Labels, Work

NBSP = "\u00a0"
WORK = Work("ranks", 3, 2, 60.0, 0.0, 240.0, None, 2_000_000.0, 500_000.0, 4.0, least=True)
PAIRS = Labels("ranked", "llama", "pair", 1000.0, 20.0, False, 500.0, 0.8)
ACCOUNT = Account([WORK], replace(WORK, kind=""), [PAIRS], "USD", 0.5, "Lee <b>2023</b>", ["core hours"])


def test_each_kind_of_stage_has_a_line_and_the_total_too() -> None:
    made = costs.account(ACCOUNT)
    assert made is not None
    first, total = made.rows
    assert first[0] == "ranks" and total[0] == "in all"
    assert first[1:] == ["3", f"1.0{NBSP}min (1 not measured)", f"0.0{NBSP}s", f"4.0{NBSP}min", "–", "2,000,000",
                         "500,000", f"at least{NBSP}4.00{NBSP}USD"]  # fmt: skip
    assert len(made.heads) == len(first)


def test_what_was_not_measured_is_no_zero() -> None:
    made = costs.account(Account([Work("sft", 1, 0)], Work("", 1, 0)))
    assert made is not None and made.rows[0][2:] == ["not measured"] * 3 + ["–"] * 4
    assert "no prices" in made.note
    assert (
        costs.account(None) is None and costs.labels(None) is None and costs.labels(replace(ACCOUNT, labels=[])) is None
    )


def test_labels_stand_beside_what_people_would_be_paid() -> None:
    made = costs.labels(ACCOUNT)
    assert made is not None
    (row,) = made.rows
    assert row == ["ranked", "llama", f"1,000{NBSP}pairs", f"20.00{NBSP}USD", f"500.00{NBSP}USD", f"96.0{NBSP}%",
                   f"0.02{NBSP}USD", f"80.0{NBSP}%", f"0.025{NBSP}USD"]  # fmt: skip
    assert len(made.heads) == len(row)
    assert "Lee <b>2023</b>" in made.note, "the page escapes it; the source of a price must be told"
    assert "core hours" in made.note and "Drawing the answers is left out" in made.note


def test_a_lower_bound_of_the_price_is_an_upper_bound_of_the_saving() -> None:
    made = costs.labels(replace(ACCOUNT, labels=[replace(PAIRS, least=True, agreement=None)]))
    assert made is not None
    (row,) = made.rows
    assert row[3].startswith(f"at least{NBSP}") and row[5].startswith(f"at most{NBSP}")
    assert row[7:] == ["not measured", "–"]


def test_what_costs_more_than_people_saves_less_than_nothing() -> None:
    assert replace(PAIRS, price=750.0).saving == pytest.approx(-0.5)
    made = costs.labels(replace(ACCOUNT, labels=[replace(PAIRS, price=750.0)]))
    assert made is not None and made.rows[0][5] == f"−50.0{NBSP}%"
    assert costs.labels(replace(ACCOUNT, labels=[replace(PAIRS, price=0.01)])).rows[0][5] == f"over 99.9{NBSP}%"  # type: ignore[union-attr]


def test_no_labels_and_no_price_of_people_give_no_saving() -> None:
    assert replace(PAIRS, people=None).saving is None and replace(PAIRS, people=0.0).saving is None
    assert replace(PAIRS, labels=0.0).per_label is None
    made = costs.labels(replace(ACCOUNT, labels=[replace(PAIRS, people=None, price=None, labels=None)]))
    assert made is not None and made.rows[0][2:7] == ["–"] * 5


def test_assumptions_say_what_a_judge_that_was_trained_rests_on_and_that_a_plan_is_an_estimate() -> None:
    said = list(costs.assumptions(replace(ACCOUNT, labels=[replace(PAIRS, trained=True)], ahead=True)))
    assert said[0].startswith("This is an estimate")
    assert any("trained on are not" in sentence and "llama" in sentence for sentence in said)


def test_a_price_is_not_given_to_what_it_is_not_the_price_of() -> None:
    rankings = replace(PAIRS, data="best", unit="ranking", people=None)
    made = costs.labels(replace(ACCOUNT, labels=[PAIRS, rankings]))
    assert made is not None and made.rows[1][4:6] == ["–", "–"]
    assert "would be paid for best is not known" in made.note and "the price is that of a pair" in made.note
    assert "People are taken to rank" not in made.note
    priced = replace(ACCOUNT, labels=[replace(rankings, people=500.0)], human_of="ranking")
    assert "is not known" not in " ".join(costs.assumptions(priced))
    assert any(said.startswith("People are taken to rank") for said in costs.assumptions(priced))


def test_it_is_said_over_how_many_seeds_labels_are_added() -> None:
    made = costs.labels(replace(ACCOUNT, labels=[replace(PAIRS, seeds=3)]))
    assert made is not None and made.rows[0][0] == "ranked (3 seeds)"


@pytest.mark.parametrize(("x", "said"), [
    (0.0, "0.00"), (1234.5, "1,234.50"), (0.05, "0.05"), (0.00123, "0.0012"), (0.00000123, "1.2e−06"), (-3.0, "−3.00"),
])  # fmt: skip
def test_money_has_cents_or_as_many_digits_as_it_needs(x: float, said: str) -> None:
    assert costs.money(x, "USD") == f"{said}{NBSP}USD"
