from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.report.packing import packed, unpacked

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(ANYTHING)
def test_what_is_packed_comes_back_and_is_never_markup(data: object) -> None:
    text = packed(data)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)
    assert unpacked(text) == data
    assert packed(data) == text


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_cannot_hold_is_refused(odd: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        packed(odd)
