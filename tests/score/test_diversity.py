"""Self-BLEU against nltk's, and distinct n-grams of a whole list against a count by hand."""

from __future__ import annotations

import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from leaven.score.diversity import _OTHERS, corpus_distinct, self_bleu

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "under", "mat", "rug", "and", "then", "quite", "happily", "in"]


def texts(count: int, seed: int = 0) -> list[str]:
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(WORDS, k=drawn.randint(4, 14))) for _ in range(count)]


def test_self_bleu_is_nltks_with_all_others_as_references() -> None:
    said = texts(30)
    words = [one.split() for one in said]
    for place, value in enumerate(self_bleu(said)):
        others = [one for other, one in enumerate(words) if other != place]
        expected = sentence_bleu(others, words[place], smoothing_function=SmoothingFunction().method1)
        assert value == pytest.approx(expected, abs=1e-12)


def test_texts_that_are_all_alike_are_at_one_and_strangers_near_none() -> None:
    assert self_bleu(["The cat sat on the mat"] * 5) == pytest.approx([1.0] * 5)
    assert self_bleu(["a b c d", "e f g h"]) == [0.0, 0.0]


def test_what_is_too_short_is_unscored_and_no_reference() -> None:
    assert self_bleu(["one two three", "a b c d e", ""]) == [None, None, None]
    assert self_bleu([]) == []


def test_many_texts_are_read_against_some_others() -> None:
    said = [*texts(2000), "zebra " * 6]
    found = self_bleu(said)
    assert all(value is not None for value in found)
    words = [one.split() for one in said]
    lower = sentence_bleu(words[:-1], words[0], smoothing_function=SmoothingFunction().method1)
    assert found[0] is not None and found[0] <= lower + 1e-9, f"{_OTHERS} references match no more than all"


def test_the_mean_of_corpus_distinct_is_that_of_the_whole_list() -> None:
    said = texts(20, seed=3)
    found = corpus_distinct(said)
    for n in (1, 2, 3):
        grams = [gram for one in said for gram in zip(*(one.split()[at:] for at in range(n)), strict=False)]
        values = found[f"corpus_distinct_{n}"]
        assert sum(v for v in values if v is not None) / len(said) == pytest.approx(len(set(grams)) / len(grams))
    assert corpus_distinct(["", ""])["corpus_distinct_1"] == [None, None]
    assert corpus_distinct([])["corpus_distinct_1"] == []
