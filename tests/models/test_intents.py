"""The classifier of intents: read without scikit-learn and without pickle, and equal to it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from leaven.errors import DataError
from leaven.models.guard import by_intents
from leaven.models.intents import Intents, _fitted, fit

WORDS = ["bomb", "cake", "hello", "Please", "don't", "STRASSE", "straße", "ﬁne", "make", "a", "the", "日本", "?", "2"]


def corpus(classes: int, count: int = 90) -> tuple[list[str], list[str]]:
    rng = random.Random(classes)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) + f" c{place % classes}" for place in range(count)]
    return texts, [f"class {place % classes}" for place in range(count)]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_probabilities_are_scikit_learns(tmp_path: Path, classes: int) -> None:
    texts, labels = corpus(classes)
    made, _ = fit(texts, labels, ["class 0"])
    made.save(tmp_path)
    fresh = [*texts[:20], "Hello bomb bomb BOMB", "don\u2019t make a cake", "unknown words hello", "the " * 500]
    (vectoriser, model), converged = _fitted(texts, labels)
    wanted = model.predict_proba(vectoriser.transform(fresh))
    assert converged
    np.testing.assert_allclose(Intents.load(tmp_path).probabilities(fresh), wanted, rtol=0, atol=1e-12)


def test_what_is_saved_is_no_pickle_and_reads_the_same(tmp_path: Path) -> None:
    texts, labels = corpus(3)
    made, _ = fit(texts, labels, ["class 1"])
    made.save(tmp_path)
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = Intents.load(tmp_path)
    assert again.probabilities(texts) == made.probabilities(texts)
    assert (list(again.classes), list(again.terms)) == (list(made.classes), list(made.terms))


def test_a_text_without_a_known_word_has_no_probability() -> None:
    made, _ = fit(*corpus(2), ["class 0"])
    assert made.probabilities(["", "...", "zyx qwv"]) == [None] * 3


def test_the_score_is_what_is_blocked_together() -> None:
    made, _ = fit(*corpus(4), ["class 0", "class 2"])
    (each,) = made.probabilities(["hello c2"])
    assert each is not None
    assert by_intents(made, ["class 0", "class 2"])(["hello c2"], []) == [pytest.approx(each[0] + each[2])]
    assert each[2] == max(each)


def test_classes_count_alike_however_many_rows_they_have() -> None:
    made, facts = fit(["please"] * 100, ["good"] * 95 + ["bad"] * 5, ["bad"])
    assert by_intents(made, ["bad"])(["please"], []) == [pytest.approx(0.5, abs=0.01)]
    assert facts["classes"] == {"bad": 5, "good": 95}
    assert "fewer than 10" in facts["warnings"][0]


@pytest.mark.parametrize(
    ("texts", "labels", "blocks", "said"),
    [
        (
            ["a b", "c d"],
            ["good", "harmful"],
            ["harmfull"],
            "no example is labelled 'harmfull'.*did you mean 'harmful'",
        ),
        (["a b", "c d"], ["bad", "bad"], ["bad"], "every example is one of those to block"),
        (["?", "!"], ["bad", "good"], ["bad"], "no words"),
    ],
)
def test_what_cannot_be_learned_is_refused(texts: list[str], labels: list[str], blocks: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit(texts, labels, blocks)
