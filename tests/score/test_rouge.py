"""ROUGE equals ``rouge-score``, on anything; floors and ceilings are what they say."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leaven.registry import METRICS
from leaven.score import rouge as room

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
few_words = st.lists(st.sampled_from(["a", "b", "c", "running", "runs", "ran", "\n", ".", "Ünï", "42"]), max_size=40)
texts = st.one_of(st.text(max_size=80), few_words.map(" ".join), few_words.map(lambda words: "\n".join(words * 2)))


@functools.cache
def original(stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(NAMES), use_stemmer=stemmer)


def told_by_rouge_score(reference: str, text: str, stemmer: bool = True) -> list[float]:
    found = original(stemmer).score(reference, text)
    return [found[name].fmeasure for name in NAMES]


@settings(max_examples=300, deadline=None)
@example("", "", True)
@example("the the the", "the", True)
@example("a b a b\na b a b\nc", "b a b a\nc\n\na b", False)
@example("The İstanbul K ſ yyyyyyy\r\nlines\u2028more", "istanbul k s\nyyyyyyy lines more", True)
@given(texts, texts, st.booleans())
def test_values_equal_rouge_score(reference: str, text: str, stemmer: bool) -> None:
    assert room.scores(reference, text, use_stemmer=stemmer) == pytest.approx(
        told_by_rouge_score(reference, text, stemmer), abs=1e-12, rel=0
    )


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=70), st.text("abcd", max_size=70))
def test_the_path_through_the_table_is_rouge_scores(first: str, second: str) -> None:
    from rouge_score.rouge_scorer import lcs_ind

    taken = room.lcs_places(first, second)
    assert [place for place in range(len(first)) if taken >> place & 1] == lcs_ind(first, second)
    assert room.lcs_length(first, second) == taken.bit_count()


def call(*flows: Any, **args: Any) -> dict[str, list[float | None]]:
    return METRICS.get("rouge").call(*flows, args=args)


def test_floor_and_ceiling_are_another_rows_reference_and_another_persons_answer() -> None:
    references = ["red apples", "green pears", "blue plums", None]
    answers = ["red apples", "red apples", "red plums", "red apples"]
    found = call(answers, references, [["red pears", "x"], None, ["blue plums", " ", "plums"], ["y"]])
    floors = [[told_by_rouge_score(other, text)[0] for other in references if other not in (None, own)]
              for text, own in zip(answers, references, strict=True)]  # fmt: skip
    assert all(value in allowed for value, allowed in zip(found["rouge1_floor"][:3], floors[:3], strict=True))
    assert found["rouge1_floor"][3] is None
    assert found["rouge1_ceiling"] == [0.5, None, pytest.approx(2 / 3), None]
    traits = METRICS.get("rouge").traits
    assert set(found) == {*traits["values"], *traits["beside"]}


@given(st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c"])), max_size=12))
def test_the_floors_reference_is_never_the_rows_own(references: list[str | None]) -> None:
    several = len({one for one in references if one is not None}) > 1
    for own, other in zip(references, room.other_references(references), strict=True):
        assert other != own or other is None
        assert (other is not None) == (several and own is not None)


def test_all_arms_meet_the_same_floor() -> None:
    references = [f"reference {number}" for number in range(50)]
    assert room.other_references(references) == room.other_references(list(references))
    assert len(set(room.other_references(references))) > 20
