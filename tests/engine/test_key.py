from __future__ import annotations

import math
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.engine.key import canonical, key

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), plain))
def test_the_order_of_names_does_not_matter(args: dict[str, Any]) -> None:
    turned = dict(reversed(args.items()))
    assert key("sft", 1, args, {}) == key("sft", 1, turned, {})


@pytest.mark.parametrize(
    "other",
    [
        ("dpo", 1, {"a": 1}, {"x": "k"}),
        ("sft", 2, {"a": 1}, {"x": "k"}),
        ("sft", 1, {"a": 2}, {"x": "k"}),
        ("sft", 1, {"a": 1.0}, {"x": "k"}),
        ("sft", 1, {"a": "1"}, {"x": "k"}),
        ("sft", 1, {"a": True}, {"x": "k"}),
        ("sft", 1, {"a": 1}, {"x": "l"}),
        ("sft", 1, {"a": 1}, {"y": "k"}),
    ],
)
def test_any_other_meaning_is_another_key(other: tuple[Any, ...]) -> None:
    assert key(*other) != key("sft", 1, {"a": 1}, {"x": "k"})


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1: "a"}, {"a", "b"}, b"bytes", pathlib.Path("x")])
def test_what_has_no_canonical_form_raises(value: Any) -> None:
    with pytest.raises(TypeError, match="key"):
        key("sft", 1, {"a": [value]}, {})


def test_minus_zero_is_zero() -> None:
    assert canonical(-0.0) == canonical(0.0) == "0.0"


def test_a_key_stays_what_it_was() -> None:
    assert key("sft", 1, {"rate": 0.1, "names": ["a", None]}, {"rows": "k"}) == "d39c4003f2012aec212d4edcfb15e166"
