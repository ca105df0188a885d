"""Metrics that are there to label a corpus by: reading ease, and chance."""

from __future__ import annotations

import pytest

from leaven.registry import METRICS
from leaven.score.reading_ease import syllables


@pytest.mark.parametrize(
    ("word", "count"),
    [("hope", 1), ("hoped", 1), ("wanted", 2), ("table", 2), ("boxes", 2), ("reading", 2), ("consideration", 5), ("I", 1),
     ("the", 1), ("rhythm", 1), ("nth", 1), ("b" * 100, 1)],
)  # fmt: skip
def test_syllables(word: str, count: int) -> None:
    assert max(1, syllables(word)) == count


def test_reading_ease_is_flesch() -> None:
    (found,) = METRICS.get("readability").call(["The cat sat on the mat."], args={})
    assert found == pytest.approx(206.835 - 1.015 * 6 - 84.6)
    two, none = METRICS.get("readability").call(["The cat sat. The dog ran.", "12 + 3"], args={})
    assert two == pytest.approx(206.835 - 1.015 * 3 - 84.6) and none is None


def test_long_words_and_sentences_are_hard_to_read() -> None:
    easy, hard = METRICS.get("readability").call(
        ["He got up and went out.", "Notwithstanding institutional considerations, reconsideration is indispensable."],
        args={},
    )
    assert easy > 80 > 0 > hard


def test_chance_is_uniform_and_of_the_text_and_the_seed_alone() -> None:
    texts = [f"text {n}" for n in range(4000)]
    found = METRICS.get("chance").call(texts, args={})
    assert all(0 <= one < 1 for one in found) and sum(found) / len(found) == pytest.approx(0.5, abs=0.02)
    assert METRICS.get("chance").call(texts[::-1], args={}) == found[::-1]
    other = METRICS.get("chance").call(texts, args={"seed": 1})
    agree = sum((one < 0.5) == (two < 0.5) for one, two in zip(found, other, strict=True)) / len(texts)
    assert agree == pytest.approx(0.5, abs=0.03)
