"""Classes, balance and correlation of labels, counted batch by batch."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.data.attributes import Attribute
from leaven.data.labelled import BINS, Histogram, Labels, Said, Tally
from leaven.errors import DataError

TOX = Attribute("tox", ("<|nontoxic|>", "<|toxic|>"), "<|nontoxic|>", (0.5,))
SEN = Attribute("sen", ("<|neg|>", None, "<|pos|>"), "<|pos|>", (-0.1, 0.1))
KIND = Attribute("kind", ("<|law|>", "<|tale|>"), "<|tale|>", labels=("law", "tale"))


def of(attribute: Attribute, values: list[float | None] | list[str | None]) -> Labels:
    numbers, words = (values, [None] * len(values)) if attribute.thresholds else ([None] * len(values), values)
    return Labels.of(attribute, pa.array(numbers, pa.float64()), pa.array(words, pa.string()))


@settings(deadline=None)  # shared machines are slow now and then
@given(st.lists(st.none() | st.sampled_from([-0.1, 0.1, 0.0]) | st.floats(-1, 1), max_size=20))
def test_classes_of_scores_are_those_of_the_attribute(values: list[float | None]) -> None:
    wanted = [-1 if (found := SEN.class_of(value)) is None else found for value in values]
    assert of(SEN, values).classes.tolist() == wanted


def test_classes_of_words_are_those_of_the_attribute() -> None:
    assert of(KIND, ["tale", "law", "other", None]).classes.tolist() == [1, 0, -1, -1]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([None, 0.2, 0.5, 0.8]), st.sampled_from([None, -0.5, 0.0, 0.5])), min_size=2),
    st.integers(1, 7),
)
def test_counts_and_phi_are_those_of_all_rows_at_once(
    rows: list[tuple[float | None, float | None]], batch: int
) -> None:
    tally = Tally((TOX, SEN))
    for start in range(0, len(rows), batch):
        some = rows[start : start + batch]
        tally.add({"tox": of(TOX, [one for one, _ in some]), "sen": of(SEN, [two for _, two in some])})
    tox, sen = [TOX.class_of(one) for one, _ in rows], [SEN.class_of(two) for _, two in rows]
    assert tally.rows == len(rows)
    assert tally.counts("tox") == {"<|nontoxic|>": tox.count(0), "<|toxic|>": tox.count(1), "unscored": tox.count(None)}
    assert tally.counts("sen")["neutral"] == sen.count(1)
    both = [(one == 0, two == 2) for one, two in zip(tox, sen, strict=True) if None not in (one, two)]
    (phi,) = tally.phi()
    assert phi["rows"] == len(both)
    sides = [np.array([pair[side] for pair in both], dtype=float) for side in (0, 1)]
    if any(len(set(side)) < 2 for side in sides):
        assert phi["phi"] is None
    else:
        assert phi["phi"] == pytest.approx(np.corrcoef(*sides)[0, 1])


def test_balance_leaves_out_what_could_not_be_scored() -> None:
    tally = Tally((TOX,))
    tally.add({"tox": of(TOX, [0.1, 0.2, 0.9, None])})
    assert tally.balance("tox") == pytest.approx({"<|nontoxic|>": 2 / 3, "<|toxic|>": 1 / 3})


@pytest.mark.parametrize(
    ("attribute", "values", "says"),
    [
        (TOX, [0.1, 0.2, None], r"tox has one class alone: of 3 texts all 2 are <\|nontoxic\|>, 1 unscored; "
                                r"scores run from 0.1 to 0.2, so move its threshold \(0.5\) between them"),
        (SEN, [0.0, 0.0], "all 2 are neutral"),
        (TOX, [None, None], "none could be scored, 2 unscored"),
        (KIND, ["other", "more"], "none could be scored, 2 unscored; its labels are law, tale"),
    ],
)  # fmt: skip
def test_one_class_alone_is_an_error_that_names_balance_and_remedy(
    attribute: Attribute, values: list[float | None], says: str
) -> None:
    tally = Tally((attribute,))
    tally.add({attribute.name: of(attribute, values)})
    with pytest.raises(DataError, match=says):
        tally.refuse_one_class(attribute.name)
    both = [0.1, 0.9] if attribute.thresholds else ["law", "tale"]
    tally.add({attribute.name: of(attribute, both)})
    tally.refuse_one_class(attribute.name)


def test_a_token_that_no_text_has_is_told() -> None:
    tally = Tally((SEN,))
    tally.add({"sen": of(SEN, [0.5, 0.0])})
    assert tally.never("sen") == ["<|neg|>"]


def batches(values: list[float | None], size: int) -> list[pa.RecordBatch]:
    arrays = [pa.array(values[start : start + size], pa.float64()) for start in range(0, len(values), size)]
    return [pa.record_batch([array], names=["value"]) for array in arrays]


@settings(deadline=None)
@given(
    st.lists(st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.inf, -math.inf]), min_size=1, max_size=60),
    st.integers(1, 9),
)
def test_a_histogram_counts_every_score_once(values: list[float | None], size: int) -> None:
    made = Histogram.over(batches(values, size), len(values))
    for batch in batches(values, size):
        made.add(batch.column(0))
    assert sum(made.counts) + made.unscored == len(values) and made.unscored == values.count(None)
    assert len(made.edges) == BINS + 1 and made.edges == sorted(made.edges)


def test_the_few_far_away_are_in_the_end_bins() -> None:
    values: list[float | None] = [-1000.0, *[n / 1000 for n in range(1000)], 1000.0]
    made = Histogram.over(batches(values, 100), len(values))
    made.add(pa.array(values))
    assert 0 <= made.edges[0] < 0.01 and 0.99 < made.edges[-1] <= 1
    assert made.counts[0] > made.counts[1] and all(45 < count < 55 for count in made.counts[1:-1])


def test_words_are_counted_and_very_many_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    said.add(pa.array(["a", "b", "a", None]))
    assert said.as_facts() == {"said": {"a": 2, "b": 1}, "said_otherwise": 0} and said.unscored == 1
    monkeypatch.setattr("leaven.data.labelled._MOST_WORDS", 2)
    said.add(pa.array(["c", "a"]))
    assert said.as_facts() == {"said": {"a": 3, "b": 1}, "said_otherwise": 1}
