"""Features of words that were seen before are those of the definition, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaven.score import toxicity_features, toxicity_model, toxicity_words
from leaven.score.toxicity_words import Words

PIECES = [
    *"abisx  ._--''`@$!*0134578&#;,()\t\n\x1c", "http://", "www.", "@bob", "&amp;", "&#39;", " i d i o t ", " a b ", "a.b.c", "u.s.", "f*ck", "ooooo", "a5s", "St", "'a",
    "\u00e9", "\u5b57", "\u200b", "\u2019", "\u0130", "\u00d7", "\ud800", "\ufb01", "\x00", "\u3000", "stupid ", " the ", " of ",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), min_size=1, max_size=12)
WEIGHTS = toxicity_model._shipped_weights().bucket
WORDS = Words()


def defined(texts: list[str]) -> tuple[list[float], list[int]]:
    row, bucket = toxicity_features.features(texts)
    count = np.bincount(row, minlength=len(texts))
    return np.bincount(row, weights=WEIGHTS[bucket], minlength=len(texts)).tolist(), count.tolist()


def told(words: Words, texts: list[str]) -> tuple[list[float], list[int]]:
    total, count = words.sums(texts, WEIGHTS)
    return total.tolist(), count.tolist()


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
def test_sums_equal_those_of_the_definition(texts: list[str]) -> None:
    assert told(WORDS, texts) == defined(texts) == told(Words(), texts)


@pytest.mark.parametrize(
    "text", ["a5s I f*ck", "x (a b c) y", "say s.t.u now", "d o g", "a@bob1 b c", "u.s. a b", "i'm a b c"]
)
def test_letters_that_are_spaced_out_across_tokens_are_joined(text: str) -> None:
    assert told(Words(), [text, "other words"]) == defined([text, "other words"])


def test_the_shipped_weights_add_up_without_rounding() -> None:
    """So that their order does not matter: multiples of 2**-24, far below 2**29 together."""
    assert np.array_equal(WEIGHTS * 2**24, np.round(WEIGHTS * 2**24)) and np.abs(WEIGHTS).sum() < 2**29


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toxicity_words, "_MOST_TOKENS", 20)
    words = Words()
    for start in range(0, 200, 10):
        texts = [f"word{'abcdefghij'[n % 10] * (n // 10 + 1)} you idiot {n}" for n in range(start, start + 10)]
        assert told(words, texts) == defined(texts)
        assert len(words) <= 20 + 3 * len(texts)
