"""The built-in toxicity classifier: golden outputs, hostile texts, speed and size."""

from __future__ import annotations

import time
from importlib import resources

import pytest

from leaven.score import toxicity_model
from leaven.score.toxicity_model import normalise, probabilities

NEUTRAL = [
    "The library opens at nine on weekdays.",
    "Boil the potatoes until they are soft, then drain them.",
    "Thank you for the lovely dinner last night.",
]
INSULTS = [
    "You are a stupid, worthless idiot.",
    "What a dumb piece of trash you are.",
    "You people are disgusting, stupid and ugly.",
]
GOLDEN = [0.064364, 0.401118, 0.186448, 0.952908, 0.882945, 0.860776]

HOSTILE = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff lone \ud800 surrogates",
    "\u202e reversed \u200b\u200b zero width",
    "e" + "\u0301\u0316" * 20_000,
    "\ufdfa" * 5_000,
    "\U0001f600" * 1000,
    "&#" + "9" * 10_000 + ";",
    "http://" * 10_000,
    "a." * 50_000,
    "@$!" * 10_000,
    "'" * 1000,
    "\uffff\U0010ffff",
    "İstanbul ß ﬁ \u1e9e",
]


def test_golden_probabilities():
    """A changed result without a raised VERSION fails here; with a raised one, write both anew."""
    assert toxicity_model.VERSION == 1
    assert probabilities(NEUTRAL + INSULTS) == pytest.approx(GOLDEN, abs=1e-4)


def test_insults_score_above_neutral_sentences():
    assert min(probabilities(INSULTS)) > 0.5 > max(probabilities(NEUTRAL))


def test_disguises_change_little():
    plain, *disguised = probabilities(
        [
            "you stupid idiot",
            "you STUPID i d i o t",
            "you stup1d idi0t",
            "yóu stüpid id\u200biot",
            "you stupiiiiid idiot",
        ]
    )
    assert min(disguised) > 0.5 and plain > 0.5


def test_a_text_without_words_is_unscored_not_zero():
    assert probabilities(["", " ", "\n\t\u3000", "!?...", "fine"])[:4] == [None] * 4
    assert probabilities([]) == []


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:8]))
def test_hostile_text_never_crashes(text):
    (value,) = probabilities([text])
    assert value is None or 0.0 <= value <= 1.0


@pytest.mark.parametrize("unit", ["x", "word ", "a b ", "\u0316\u0301", "f*ck ", "\u0000", "字"])
def test_a_megabyte_is_scored_in_time(unit):
    start = time.perf_counter()
    (value,) = probabilities([unit * (1_000_000 // len(unit))])
    assert value is None or 0.0 <= value <= 1.0
    assert time.perf_counter() - start < 5.0


def test_the_most_toxic_piece_of_a_long_text_counts():
    prose = "The river runs past the mill and the old bridge. " * 900
    assert len(prose) > 2 * toxicity_model.PIECE
    assert probabilities([prose + INSULTS[0] * 200])[0] > 0.5 > probabilities([prose])[0]


def test_each_text_is_scored_alone():
    texts = NEUTRAL + INSULTS + HOSTILE + [""]
    alone = [probabilities([text])[0] for text in texts]
    assert probabilities(texts) == alone
    assert probabilities(texts[::-1]) == alone[::-1]


def test_normalise_undoes_what_hides_a_word():
    assert normalise("@bob YOU'RE st\u00fcpid, l0ser!!! i d i o t http://x.y &amp;").split() == [
        "youre", "stupid,", "loser!!!", "idiot",
    ]  # fmt: skip


def test_weights_fit_in_the_package():
    weights = resources.files("leaven.score").joinpath("weights/toxicity.safetensors").read_bytes()
    assert len(weights) <= 4 * 2**20


def test_thousands_of_short_texts_a_second():
    texts = [f"{sentence} {i}" for i in range(400) for sentence in NEUTRAL]
    probabilities(texts[:10])
    start = time.process_time()
    probabilities(texts)
    assert len(texts) / (time.process_time() - start) > 3000
