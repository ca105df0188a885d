from __future__ import annotations

import pytest

from leaven.report import numbers


@pytest.mark.parametrize(
    ("number", "written"),
    [(-5.55e-17, "0"), (1.1e-16, "0"), (0.0, "0"), (0.12345, "0.123"), (-0.5, "−0.5"), (1e-9, "1e−09"), (None, "–")],
)
def test_what_was_computed_has_three_digits_and_rounding_is_zero(number: float | None, written: str) -> None:
    assert numbers.rounded(number) == written
