from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.readers.values import name, number, whole


@pytest.mark.parametrize("unscored", [None, "", "  ", "nan", "NaN", "NA", "null", "None", math.nan, Decimal("NaN")])
def test_what_was_not_scored_is_none(unscored: object) -> None:
    assert number(unscored) is None


@pytest.mark.parametrize(
    ("value", "is_"),
    [(True, 1.0), ("False", 0.0), (" 0.5 ", 0.5), ("1e-3", 0.001), ("-inf", -math.inf), (10**400, math.inf), (3, 3.0)],
)
def test_numbers_are_read_as_they_are_written(value: object, is_: float) -> None:
    assert number(value) == is_


@pytest.mark.parametrize("value", ["1_000", "1,5", "0x1", "good", [1.0], {"a": 1}, b"1"])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no number"):
        number(value)


@given(st.floats(allow_nan=False))
def test_a_number_written_out_is_the_same_number(value: float) -> None:
    assert number(repr(value)) == number(value) == value


@pytest.mark.parametrize(("value", "is_"), [(17, "17"), ("17", "17"), (17.0, "17"), ("a b", "a b")])
def test_an_item_has_one_name_in_every_format(value: object, is_: str) -> None:
    assert name(value) == is_


@pytest.mark.parametrize("value", [None, "", " ", True, 1.5, math.nan, [1]])
def test_what_is_no_name_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no name"):
        name(value)


def test_a_seed_is_whole() -> None:
    assert whole("3.0") == 3 and whole("") is None
    with pytest.raises(ValueError, match="whole"):
        whole(1.5)
    with pytest.raises(ValueError, match="whole"):
        whole("inf")


@pytest.mark.parametrize("value", [1e300, 2**63, "99999999999999999999"])
def test_a_seed_that_no_table_can_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="too large a whole number"):
        whole(value)


def test_half_a_character_is_no_name() -> None:
    with pytest.raises(ValueError, match="half a character"):
        name("item \ud83d")
