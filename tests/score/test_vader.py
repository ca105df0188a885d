"""The fast VADER equals the package's own, on real text and on text made of all that its rules know."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment import vaderSentiment as package

from leaven.registry import METRICS
from leaven.score import vader
from leaven.score.sentences import sentences

PHRASES = [*package.SPECIAL_CASES, "kind of", "sort of", "just enough", "at least", "very least", "no good", "never so good",
           "without doubt", "no luck or hope", "kiss of life", "to die"]  # fmt: skip
RULES = [word for phrase in (*package.BOOSTER_DICT, *package.SPECIAL_CASES, *package.NEGATE) for word in phrase.split()]
RULES += ["no", "or", "nor", "least", "at", "this", "doubt", "kind", "of", "sort", "but", "the", "to", "for"] * 5
PLAIN = ["table", "chair", "walked", "12", "e.g.", "isn't", "foo's", "wouldn't've", "...", "!", "!!!!!", "??", "????", ":)", ":D",
         "\U0001f498", "\u00e9", "\u0130", "\ud800", "K\u0131nd", "\u212aind", "n't", "N'T", "x" * 70, "\x1c", "\u00b7"]  # fmt: skip
SHAPES = [str, str.lower, str.upper, str.capitalize, lambda word: word + "!", lambda word: f'"{word},']


def words() -> st.SearchStrategy[str]:
    lexicon = sorted(vader.vader().lexicon)
    any_word = st.one_of(*(st.sampled_from(one) for one in (PHRASES, RULES, lexicon, PLAIN)))
    return st.builds(lambda word, shape: shape(word), any_word, st.sampled_from(SHAPES))


@settings(max_examples=1500, deadline=None)
@given(st.lists(words(), max_size=12).map(" ".join))
def test_scores_equal_the_packages(text: str) -> None:
    assert vader.fast().scores(text) == vader.vader().polarity_scores(text)


def test_scores_equal_the_packages_on_real_sentences() -> None:
    folder = Path(__file__).parents[2] / "../shared/data/pile_sample"
    files = sorted(folder.glob("*.gz"))
    if not files:
        pytest.skip("the shared data is not here")
    with gzip.open(files[0], "rt", encoding="utf-8") as lines:
        texts = [one for _, line in zip(range(150), lines, strict=False) for one in sentences(json.loads(line)["text"])]
    fast, slow = vader.fast().scores, vader.vader().polarity_scores
    assert len(texts) > 1000 and [fast(one) for one in texts] == [slow(one) for one in texts]


def test_what_is_kept_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vader, "_MOST_WORDS", 5)
    monkeypatch.setattr(vader, "_MOST_NEIGHBOURHOODS", 3)
    fast = vader.Fast(vader.vader())
    texts = [f"the {word} table is not very good but it is {other}" for word in "abcdefgh" for other in ("bad", "nice")]
    assert [fast.scores(one) for one in texts] == [vader.vader().polarity_scores(one) for one in texts]
    assert len(fast._words) <= 5 and len(fast._valences) <= 3


def test_polarity_is_positive_where_the_positive_share_is_the_larger() -> None:
    found = METRICS.get("polarity").call(["A good day.", "A bad day.", "A table.", "", "good bad"], args={})
    shares = vader.vader().polarity_scores("good bad")
    assert found[0] > 0 > found[1] and found[2] == 0 and found[3] is None
    assert found[4] == round(shares["pos"] - shares["neg"], 3)
