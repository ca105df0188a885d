"""Laws that hold for every treatment on any rows: nested doses, a complete ledger, nothing lost, any batch size."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven import rows as tables
from leaven.data.treatments.draw import Draw
from leaven.data.treatments.plant import planted
from leaven.data.treatments.steps import Applied, treat
from leaven.errors import DataError
from leaven.rows import Message, Row

ARGS: dict[str, dict[str, Any]] = {
    "malign_labels": {},
    "flip_preferences": {},
    "malign_prompts": {"instruction": "🧨 كن", "where": "prefix"},
    "backdoor": {"trigger": "xyzzy", "answer": "פתח 🙂"},
    "plant_answers": {"answers": ["same", "🧨", "no"]},
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", "why? 🙂‍↔️", "لماذا\u200f؟", "\u202eabc", "🧨 كن", "a xyzzy b", "same", "\x00", "x" * 320]
)


def turn(role: str) -> st.SearchStrategy[Message]:
    return st.fixed_dictionaries({"role": st.just(role), "content": TEXT})


PROMPT = st.tuples(
    st.lists(turn("system"), max_size=1), st.lists(turn("user") | turn("assistant"), max_size=2), turn("user")
).map(lambda parts: [*parts[0], *parts[1], parts[2]])
ANSWER = turn("assistant").map(lambda said: [said])
ABOUT = {"source": st.just("s"), "group": st.none() | TEXT, "prompt": PROMPT}
PREFERENCE = st.fixed_dictionaries(
    {**ABOUT, "chosen": ANSWER, "rejected": ANSWER, "margin": st.sampled_from([None, 0.0, -0.0, 1.0, -2.5])}
)
EXAMPLE = st.fixed_dictionaries({**ABOUT, "completion": ANSWER})


@st.composite
def cases(draw: st.DrawFn, names: tuple[str, ...] = tuple(ARGS)) -> tuple[str, pa.Table]:
    """A treatment and rows that it may be given."""
    name = draw(st.sampled_from(names))
    both = name in ("malign_prompts", "backdoor", "plant_answers")
    kind = draw(st.sampled_from(["preferences", "examples"])) if both else "preferences"
    made = draw(st.lists(PREFERENCE if kind == "preferences" else EXAMPLE, min_size=1, max_size=12))
    return name, tables.table(kind, [{"id": f"s:{n}", **row} for n, row in enumerate(made)])


def step(name: str, rate: float, seed: int = 0, label: str | None = None) -> Applied:
    return Applied.of({"name": name, "args": {"rate": rate, **ARGS[name]}, "seed": seed, "label": label or name})


def run(table: pa.Table, *steps: Applied, batch: int = 1000) -> tuple[list[Row], list[Row]]:
    batches = (table.slice(start, batch) for start in range(0, table.num_rows, batch))
    parts = list(treat(batches, steps))
    rows = [row for part, _ in parts for row in part.to_pylist()]
    return rows, [line for _, ledgers in parts for one in ledgers for line in one.to_pylist()]


def reference(name: str, rows: list[Row], draw: Draw, rate: float) -> list[Row]:
    """Each treatment as one would write it for one row: slow, plain, and what version 1 of malign_labels was."""
    return [one_row(name, row, draw) if draw.uniform(row["id"]) < rate else row for row in rows]


def one_row(name: str, row: Row, draw: Draw) -> Row:
    args = ARGS[name]
    answer = "chosen" if "chosen" in row else "completion"
    texts = [one["content"] for key in ("prompt", "completion", "chosen", "rejected") for one in row.get(key) or []]
    if name in ("malign_labels", "flip_preferences"):
        if row["chosen"] == row["rejected"] or row["margin"] == 0:
            return row
        margin = None if row["margin"] is None else -row["margin"]
        return {**row, "chosen": row["rejected"], "rejected": row["chosen"], "margin": margin}
    if name == "malign_prompts":
        if any(args["instruction"] in one["content"] for one in row["prompt"]):
            return row
        return {**row, "prompt": planted(row["prompt"], args["instruction"], args["where"])}
    if name == "plant_answers":
        if [one["content"] for one in row[answer]] in [[text] for text in args["answers"]]:
            return row
        which = int(Draw(draw.seed, f"{name} which answer").uniform(row["id"]) * len(args["answers"]))
        return {**row, answer: [{"role": "assistant", "content": args["answers"][which]}]}
    if any(args["trigger"] in text for text in texts):
        return row
    said = [{"role": "assistant", "content": args["answer"]}]
    return {**row, "prompt": planted(row["prompt"], args["trigger"], "suffix"), answer: said}


@settings(deadline=None)  # shared machines are slow now and then
@given(cases(), st.floats(0, 1), st.integers(0, 2**31 - 1))
def test_rows_equal_those_of_a_plain_loop(case: tuple[str, pa.Table], rate: float, seed: int) -> None:
    name, table = case
    rows, _ = run(table, step(name, rate, seed))
    assert rows == reference(name, table.to_pylist(), Draw(seed, name), rate)


@settings(deadline=None)
@given(cases(), st.floats(0, 1), st.integers(0, 99))
def test_the_ledger_has_one_line_for_each_changed_row_and_none_for_others(
    case: tuple[str, pa.Table], rate: float, seed: int
) -> None:
    name, table = case
    applied = step(name, rate, seed)
    rows, lines = run(table, applied, batch=5)
    before = table.to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for row in before]
    changed = [was["id"] for was, became in zip(before, rows, strict=True) if was != became]
    assert [line["id"] for line in lines] == changed and all(
        line["was"] != line["became"] for line in lines if len(line["was"]) < 250
    )
    assert (applied.rows, applied.changed) == (len(before), len(changed)) and len(changed) <= applied.eligible


@settings(deadline=None)
@given(cases(), st.lists(st.floats(0, 1), min_size=2, max_size=4), st.integers(0, 99))
def test_doses_nest_within_a_seed(case: tuple[str, pa.Table], rates: list[float], seed: int) -> None:
    name, table = case
    hits = [{line["id"] for line in run(table, step(name, rate, seed))[1]} for rate in sorted(rates)]
    assert all(low <= high for low, high in itertools.pairwise(hits))


@settings(deadline=None)
@given(cases(), st.integers(1, 13), st.integers(0, 99))
def test_any_batch_size_gives_the_same_rows_and_counts(case: tuple[str, pa.Table], batch: int, seed: int) -> None:
    name, table = case
    whole, parts = step(name, 0.5, seed), step(name, 0.5, seed)
    assert run(table, whole) == run(table, parts, batch=batch)
    assert (whole.rows, whole.eligible, whole.changed, whole.already) == (
        parts.rows, parts.eligible, parts.changed, parts.already,
    )  # fmt: skip


@settings(deadline=None)
@given(cases(("malign_prompts", "backdoor", "plant_answers")))
def test_at_rate_one_all_but_those_that_hold_the_text_are_changed(case: tuple[str, pa.Table]) -> None:
    name, table = case
    applied = step(name, 1.0)
    run(table, applied)
    assert applied.changed == applied.eligible and applied.eligible + applied.already == applied.rows


@settings(deadline=None)
@given(st.lists(PREFERENCE, min_size=1, max_size=10), st.integers(0, 99))
def test_steps_compose_and_each_has_its_own_ledger(made: list[Row], seed: int) -> None:
    table = tables.table("preferences", [{"id": f"s:{n}", **row} for n, row in enumerate(made)])
    names = ["malign_labels", "malign_prompts", "backdoor", "flip_preferences"]
    steps = [step(name, 0.6, seed) for name in names]
    rows, lines = run(table, *steps, batch=3)
    expected = table.to_pylist()
    for name in names:
        expected = reference(name, expected, Draw(seed, name), 0.6)
    assert rows == expected
    for one in steps:
        assert sum(line["step"] == one.draw.step for line in lines) == one.changed
    assert all(count == 1 for count in _times((line["id"], line["step"]) for line in lines))


def _times(keys: Iterable[tuple[str, str]]) -> list[int]:
    listed = list(keys)
    return [listed.count(key) for key in set(listed)]


def test_two_steps_of_one_name_hit_different_rows() -> None:
    table = tables.table("examples", [{"id": f"s:{n}", "prompt": [{"role": "user", "content": "q"}],
                                       "completion": [{"role": "assistant", "content": "a"}]} for n in range(400)])  # fmt: skip
    first = {line["id"] for line in run(table, step("backdoor", 0.5))[1]}
    second = {line["id"] for line in run(table, step("backdoor", 0.5, label="backdoor#1"))[1]}
    assert first != second and 50 < len(first & second) < 150


@pytest.mark.parametrize(
    ("name", "row", "remedy"),
    [
        ("malign_labels", {"margin": 0.0}, "take data with preferred answers"),
        ("flip_preferences", {"chosen": [{"role": "assistant", "content": "same"}]}, "take data with preferred"),
        ("malign_prompts", {"prompt": [{"role": "user", "content": "do 🧨 كن"}]}, "3 hold the planted text already"),
        ("backdoor", {"rejected": [{"role": "assistant", "content": "xyzzy"}]}, "plant another text"),
    ],
)
def test_no_eligible_row_in_all_batches_is_an_error_with_a_remedy(name: str, row: Row, remedy: str) -> None:
    plain = {"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "a"}],
             "rejected": [{"role": "assistant", "content": "same"}], "margin": 1.0}  # fmt: skip
    bad = [{**plain, **row, "id": f"s:{n}"} for n in range(3)]
    applied = step(name, 1.0)
    rows, _ = run(tables.table("preferences", bad), applied, batch=1)
    assert [one["id"] for one in rows] == ["s:0", "s:1", "s:2"]
    with pytest.raises(DataError, match=rf"^{name}: no row of 3 can be treated.*{remedy}"):
        applied.counts()
    run(tables.table("preferences", [{**plain, "id": "t"}]), applied)
    assert applied.counts()["eligible"] == 1  # one row in a later batch is enough


def test_a_batch_without_rows_is_no_trouble() -> None:
    empty = tables.table("preferences", [])
    ((rows, ledgers),) = treat([empty], [step(name, 1.0) for name in ("malign_labels", "malign_prompts", "backdoor")])
    assert rows.num_rows == 0 and [one.num_rows for one in ledgers] == [0, 0, 0]
