from __future__ import annotations

import itertools
from typing import Any

from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven import rows as tables
from leaven.data.treatments.draw import Draw, Treated, ledger
from leaven.registry import TREATMENTS


def answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def pairs(count: int, *, margin: float | None = 1.0, same: bool = False) -> Dataset:
    made = [
        {
            "id": f"s:{n}",
            "source": "s",
            "prompt": [{"role": "user", "content": f"q{n}"}],
            "chosen": answer(f"good {n}"),
            "rejected": answer(f"good {n}" if same else f"bad {n}"),
            "margin": margin,
        }
        for n in range(count)
    ]
    return Dataset(tables.table("preferences", made))


def poisoned(rows: Dataset, rate: float, seed: int = 0, step: str = "malign_labels") -> Treated:
    treated: Treated = TREATMENTS.get("malign_labels").call(rows, Draw(seed, step), args={"rate": rate})
    return treated


def hit(rows: Dataset, rate: float, **about: Any) -> set[str]:
    return {line["id"] for line in ledger(rows, poisoned(rows, rate, **about).rows, "malign_labels")}


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.integers(0, 2**31 - 1))
def test_doses_nest_within_a_seed(rates: list[float], seed: int) -> None:
    rows = pairs(60)
    hits = [hit(rows, rate, seed=seed) for rate in sorted(rates)]
    assert all(low <= high for low, high in itertools.pairwise(hits))


def test_the_rate_is_reached() -> None:
    assert 0.08 < len(hit(pairs(3000), 0.1)) / 3000 < 0.12
    assert len(hit(pairs(50), 1.0)) == 50 and not hit(pairs(50), 0.0)


def test_a_treated_row_has_its_answers_and_margin_turned() -> None:
    row = poisoned(pairs(1), 1.0).rows[0]
    assert (row["chosen"], row["rejected"], row["margin"]) == (answer("bad 0"), answer("good 0"), -1.0)


def test_ties_and_equal_answers_are_never_counted_as_treated() -> None:
    for rows in (pairs(20, margin=0.0), pairs(20, same=True)):
        treated = poisoned(rows, 1.0)
        assert treated.eligible == 0 and not list(ledger(rows, treated.rows, "x"))
    assert poisoned(pairs(20, margin=None), 1.0).eligible == 20  # an unknown margin is no tie


def test_the_draw_depends_on_row_step_and_seed_alone() -> None:
    rows = pairs(200)
    turned = rows.select(range(199, -1, -1))
    assert hit(rows, 0.3) == hit(turned, 0.3)
    halves = [rows.select(range(100)), rows.select(range(100, 200))]
    assert hit(rows, 0.3) == set().union(*(hit(half, 0.3) for half in halves))
    assert hit(rows, 0.3) != hit(rows, 0.3, seed=1)
    assert hit(rows, 0.3) != hit(rows, 0.3, step="malign_labels#1")


def test_golden_draw() -> None:
    """Version 1 of the draw hits these rows for ever; a change of the hash is a new version of every treatment."""
    assert sorted(hit(pairs(40), 0.1)) == GOLDEN


def test_the_ledger_says_what_a_row_was_and_became() -> None:
    rows = pairs(1)
    (line,) = ledger(rows, poisoned(rows, 1.0).rows, "malign_labels")
    assert line["was"].startswith("chosen: good 0 | rejected: bad 0")
    assert line["became"].startswith("chosen: bad 0 | rejected: good 0")


def test_rate_zero_is_the_identity() -> None:
    plugin = TREATMENTS.get("malign_labels")
    assert plugin.is_identity({"rate": 0}) and not plugin.is_identity({"rate": 0.01})


GOLDEN = ["s:14", "s:18", "s:28", "s:34"]
