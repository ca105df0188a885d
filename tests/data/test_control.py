"""What control tokens and the filter make of labelled texts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven import rows as tables
from leaven.data.attributes import Attribute
from leaven.data.treatments.alongside import Walk
from leaven.data.treatments.draw import Draw
from leaven.data.treatments.steps import Applied, treat
from leaven.errors import DataError
from leaven.rows import Row

TOX = Attribute("tox", ("<|nontoxic|>", "<|toxic|>"), "<|nontoxic|>", (0.5,))
SEN = Attribute("sen", ("<|neg|>", None, "<|pos|>"), "<|pos|>", (-0.1, 0.1))
KIND = Attribute("kind", ("<|law|>", "<|tale|>"), "<|tale|>", labels=("law", "tale"))
ALL = (TOX, SEN, KIND)

Values = tuple[float | None, float | None, str | None]
VALUES = st.tuples(
    st.sampled_from([None, 0.1, 0.5, 0.9]), st.sampled_from([None, -0.5, 0.0, 0.5]), st.sampled_from([None, "law", "tale", "x"])
)  # fmt: skip


def texts(values: list[Values], only: list[int] | None = None) -> pa.Table:
    taken = range(len(values)) if only is None else only
    return tables.table("texts", [{"id": f"s:{n}/0", "source": "s", "text": f"text {n}"} for n in taken])


def walks(values: list[Values], batch: int = 3) -> dict[str, Walk]:
    def labels(place: int) -> list[pa.RecordBatch]:
        name = "said" if place == 2 else "value"
        table = tables.table("labels", [{"id": f"s:{n}/0", name: one[place]} for n, one in enumerate(values)])
        return list(table.to_batches(max_chunksize=batch))

    return {attribute.name: Walk(attribute, labels(place)) for place, attribute in enumerate(ALL)}


def step(name: str, *attributes: Attribute, seed: int = 0, **args: Any) -> Applied:
    named = [one.name for one in attributes]
    made = {"name": name, "args": {"attributes": named, **args}, "seed": seed}
    return Applied.of({**made, "attributes": [one.as_args() for one in attributes]})


def run(values: list[Values], *steps: Applied, only: list[int] | None = None, batch: int = 4) -> list[Row]:
    table = texts(values, only)
    parts = treat((table.slice(at, batch) for at in range(0, table.num_rows, batch)), steps, walks(values))
    return [row for made, _ in parts for row in made.to_pylist()]


def tokens(one: Values) -> list[str] | None:
    classes = (TOX.class_of(one[0]), SEN.class_of(one[1]), KIND.class_of(None, one[2]))
    put = [attribute.tokens[place] for attribute, place in zip(ALL, classes, strict=True) if place is not None]
    return [token for token in put if token is not None] or None


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=30), st.integers(1, 8), st.floats(0, 1), st.integers(0, 99))
def test_each_text_gets_its_tokens_in_order_and_the_untagged_none(
    values: list[Values], batch: int, untagged: float, seed: int
) -> None:
    one = step("control_tokens", *ALL, seed=seed, untagged=untagged)
    rows, draw = run(values, one, batch=batch), Draw(seed, "control_tokens")
    bare = [draw.uniform(row["id"]) < untagged for row in rows]
    assert [row["control"] for row in rows] == [None if no else tokens(v) for no, v in zip(bare, values, strict=True)]
    assert [row["text"] for row in rows] == [f"text {n}" for n in range(len(values))]
    assert one.untagged == sum(bare) and one.changed == sum(row["control"] is not None for row in rows)


def test_tokens_come_in_the_order_of_the_step_not_of_the_study() -> None:
    rows = run([(0.9, 0.5, None)], step("control_tokens", SEN, TOX, untagged=0))
    assert rows[0]["control"] == ["<|pos|>", "<|toxic|>"]


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=30), st.integers(1, 8))
def test_the_filter_keeps_what_is_good_by_every_attribute(values: list[Values], batch: int) -> None:
    one = step("keep_good", TOX, SEN)
    kept = {row["id"] for row in run(values, one, batch=batch)}
    good = {f"s:{n}/0" for n, (tox, sen, _) in enumerate(values) if tox in (0.1, 0.5) and sen == 0.5}
    assert kept == good and one.left_out.total() == len(values) - len(good)
    assert {line["id"] for line in one.quoted} == {f"s:{n}/0" for n in range(len(values))} - good


def test_the_first_attribute_that_is_not_good_is_the_reason() -> None:
    one = step("keep_good", TOX, SEN)
    run([(0.1, 0.5, None), (0.9, -0.5, None), (0.1, 0.0, None), (None, 0.5, None)], one)
    assert one.left_out == {"not good: tox": 1, "not good: sen": 1, "unscored: tox": 1}
    assert one.quoted[0] == {"id": "s:1/0", "reason": "not good: tox", "excerpt": "text 1"}


def test_at_most_twenty_of_a_reason_are_quoted() -> None:
    one = step("keep_good", TOX)
    run([(0.9, None, None)] * 30 + [(0.1, None, None)], one)
    assert len(one.quoted) == 20 and one.left_out["not good: tox"] == 30


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=40), st.data(), st.integers(1, 5))
def test_labels_follow_rows_that_are_some_of_those_labelled(
    values: list[Values], data: st.DataObject, batch: int
) -> None:
    only = sorted(data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1)))
    rows = run(values, step("control_tokens", *ALL, untagged=0), only=only, batch=batch)
    assert [row["control"] for row in rows] == [tokens(values[n]) for n in only]


def test_after_the_filter_the_tokens_are_still_each_texts_own() -> None:
    values: list[Values] = [(0.9, 0.5, "law"), (0.1, 0.5, "law"), (0.1, -0.5, "tale"), (0.1, 0.5, "tale")]
    rows = run(values, step("keep_good", SEN), step("control_tokens", TOX, KIND, untagged=0), batch=2)
    assert [(row["id"], row["control"]) for row in rows] == [
        ("s:0/0", ["<|toxic|>", "<|law|>"]), ("s:1/0", ["<|nontoxic|>", "<|law|>"]), ("s:3/0", ["<|nontoxic|>", "<|tale|>"]),
    ]  # fmt: skip


def test_the_untagged_are_nested_and_the_same_for_every_attribute() -> None:
    values: list[Values] = [(0.1, 0.5, "law")] * 400

    def bare(*attributes: Attribute, untagged: float) -> set[str]:
        rows = run(values, step("control_tokens", *attributes, untagged=untagged))
        return {row["id"] for row in rows if row["control"] is None}

    assert bare(TOX, untagged=0.05) < bare(TOX, untagged=0.2) and bare(TOX, untagged=0.05) == bare(*ALL, untagged=0.05)


def test_labels_of_other_rows_are_an_error() -> None:
    table = texts([(0.1, 0.5, "law")] * 5)
    with pytest.raises(DataError, match="attribute tox: text s:3/0 is not where labels have it"):
        list(treat([table], [step("control_tokens", TOX)], walks([(0.1, 0.5, "law")] * 3)))
    backwards = table.take(pa.array([1, 0]))
    with pytest.raises(DataError, match="not where labels have it"):
        list(
            treat(
                [backwards.slice(0, 1), backwards.slice(1)], [step("control_tokens", TOX)], walks([(0.1, 0, "law")] * 5)
            )
        )


def test_one_class_or_nothing_good_is_an_error() -> None:
    one = step("control_tokens", TOX)
    run([(0.1, None, None)] * 3, one)
    with pytest.raises(DataError, match=r"attribute tox has one class alone: of 3 texts all 3 are <\|nontoxic\|>"):
        one.counts()
    none = step("keep_good", TOX, SEN)
    run([(0.1, -0.5, None), (0.9, 0.5, None)], none)
    with pytest.raises(DataError, match=r"keep_good: none of 2 texts is good by every attribute \(not good: \w+ 1, "):
        none.counts()


def test_tokens_twice_are_an_error() -> None:
    with pytest.raises(DataError, match="name all attributes in one control_tokens"):
        run([(0.1, 0.5, None)], step("control_tokens", TOX, untagged=0), step("control_tokens", SEN, untagged=0))
