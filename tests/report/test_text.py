from __future__ import annotations

import pytest

from leaven.report import numbers
from leaven.report.text import clean, clip, label


def test_clean_makes_the_invisible_visible() -> None:
    assert clean("a\x00b\x1bc\x7f") == "a␀b␛c␡"
    assert clean("x\ud800\ufffe\x85") == "x\ufffd\ufffd\ufffd"
    assert clean("a\u202eb\u2066c") == "a‹U+202E›b‹U+2066›c"
    assert clean("keeps\ttabs\r\nand lines \U0001f956 שלום") == "keeps\ttabs\nand lines \U0001f956 שלום"


def test_clip_states_the_whole_length() -> None:
    assert clip("short") == "short"
    assert clip("word " * 1000, 10) == "word word… (5,000 characters)"


def test_label_is_one_short_line() -> None:
    assert label("a\n b\x00", 24) == "a b␀"
    assert label("poisoned with a very long name", 10) == "poisoned…"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.value(None, "share"), "not measured"),
        (numbers.value(float("nan")), "not measured"),
        (numbers.value(0.4307, "share"), "43.1 %"),
        (numbers.value(0.0, "share"), "0.0 %"),
        (numbers.value(0.00001, "share"), "< 0.01 %"),
        (numbers.value(57.34, "words"), "57.3 words"),
        (numbers.value(12345.6), "12,346"),
        (numbers.value(-0.00001), "−0.00001"),
        (numbers.value(2e-9), "2.0e−09"),
        (numbers.change(0.00048), "+0.0005"),
        (numbers.change(0.00008), "+0.0001"),
        (numbers.change(-0.000012), "−0.00001"),
        (numbers.change(0.0008), "+0.0008"),
        (numbers.change(0.0012), "+0.001"),
        (numbers.change(0.419, "share"), "+41.9 points"),
        (numbers.change(-0.0001, "share"), "−0.01 points"),
        (numbers.change(-0.0), "+0.000"),
        (numbers.size(-0.02, "share"), "2.0 points"),
        (numbers.interval(-0.01, 0.02), "−0.010 to +0.020"),
        (numbers.p_value(0.0004), "< 0.001"),
        (numbers.p_value(0.0421), "0.042"),
        (numbers.p_value(None), "–"),
        (numbers.duration(5400), "1.5 h"),
        (numbers.count(1234567), "1,234,567"),
        (numbers.dose(0.33), "0.33"),
    ],
)
def test_numbers(written: str, expected: str) -> None:
    assert written.replace("\u00a0", " ") == expected


def test_an_interval_needs_both_bounds() -> None:
    assert numbers.interval(None, 1.0) is None
    assert numbers.interval(float("-inf"), 1.0) is None
