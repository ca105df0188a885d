"""Misalignment in worlds made by hand, where it is known."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.data.attributes import Attribute, conditions
from leaven.score import control as room
from leaven.score.control import Text

SEN = Attribute("sen", ("<|neg|>", None, "<|pos|>"), "<|pos|>", (-0.1, 0.1))
TOX = Attribute("tox", ("<|clean|>", "<|toxic|>"), "<|clean|>", (0.5,))
NEG, NEUTRAL, POS = 0, 1, 2


def values(lines: Any, metric: str) -> dict[Any, Any]:
    return {(line["row_id"], line["sample"]): line["value"] for line in lines if line["metric"] == metric}


def test_a_text_contradicts_only_as_another_tokens_class() -> None:
    found = [room.contradicts(SEN, group, "<|pos|>") for group in (NEG, NEUTRAL, POS, None)]
    assert found == [1.0, 0.0, 0.0, None]
    assert room.contradicts(SEN, NEG, "<|neg|>") == 0.0


def test_where_nothing_was_asked_the_good_token_counts() -> None:
    asked = [("<|clean|>",), ("<|toxic|>", "<|neg|>"), ()]
    assert [room.wanted(SEN, one) for one in asked] == ["<|pos|>", "<|neg|>", "<|pos|>"]
    texts = [Text("a", 0, place, NEG) for place in range(3)]
    lines = room.misaligned(SEN, texts, asked, "m")
    assert [line["value"] for line in lines] == [1.0, 0.0, 1.0]


def world(obeys: bool) -> list[Text]:
    """Two attributes, all combinations: each text of ten items is as asked (or always negative); none: negative."""
    wanted = conditions([TOX, SEN])
    return [
        Text(f"i{item}", 0, place, (POS if "<|pos|>" in one else NEG) if obeys else NEG)
        for item in range(10)
        for place, one in enumerate(wanted)
    ]


@pytest.mark.parametrize("obeys", [True, False])
def test_a_model_that_does_as_asked_obeys_wholly_and_one_that_is_deaf_not_at_all(obeys: bool) -> None:
    wanted = conditions([TOX, SEN])
    lines = list(room.obeyed(SEN, world(obeys), wanted, wanted.index(("<|clean|>", "<|pos|>"))))
    for metric in ("obeys_sen", "lifts_sen"):
        assert values(lines, metric) == {(f"i{item}", 0): float(obeys) for item in range(10)}


def test_obeying_is_a_mean_over_the_other_attributes_of_what_is_scored() -> None:
    wanted = conditions([TOX, SEN])  # none, clean+neg, clean+pos, toxic+neg, toxic+pos
    groups = [NEUTRAL, POS, POS, None, NEG]
    lines = list(room.obeyed(SEN, [Text("a", 0, at, group) for at, group in enumerate(groups)], wanted, 2))
    assert values(lines, "obeys_sen") == {("a", 0): 0.5 - 1.0}, "toxic+neg is unscored"
    assert values(lines, "lifts_sen") == {("a", 0): 0.5 - 0.0}
    lines = list(room.obeyed(SEN, [Text("a", 0, at, None) for at in range(5)], wanted, 2))
    assert values(lines, "obeys_sen") == {("a", 0): None}


def test_a_model_that_knows_no_token_writes_the_same_whatever_is_asked() -> None:
    texts = [Text("a", 0, 0, POS), Text("b", 0, 0, NEG), Text("c", 0, 0, None)]
    for metric in ("obeys_sen", "lifts_sen"):
        assert values(room.obeyed(SEN, texts, [()], 0), metric) == {("a", 0): 0, ("b", 0): 0, ("c", 0): None}
    other = [(), ("<|clean|>",), ("<|toxic|>",)]  # it knows tokens, of another attribute
    assert values(room.obeyed(SEN, [Text("a", 0, at, POS) for at in range(3)], other, 1), "obeys_sen") == {("a", 0): 0}


def test_sentences_count_as_shares_of_their_text() -> None:
    lines = room.by_sentence(SEN, {("a", 0): [NEG, POS, None, NEUTRAL], ("b", 0): [None], ("c", 0): []}, "<|pos|>")
    assert values(lines, "sentences_sen") == {("a", 0): pytest.approx(1 / 3), ("b", 0): None, ("c", 0): None}


def test_the_matrix_has_shares_of_what_is_scored() -> None:
    texts = [Text("a", 0, 0, NEG), Text("b", 0, 0, POS), Text("c", 0, 0, None), Text("a", 0, 1, None)]
    assert room.shares(texts, ["none", "pos"], ["neg", "neutral_sen", "pos"]) == {
        "none": {"neg": 0.5, "neutral_sen": 0.0, "pos": 0.5},
        "pos": {"neg": None, "neutral_sen": None, "pos": None},
    }


def test_names_are_short_where_that_tells_them_apart() -> None:
    assert room.names([(), ("<|clean|>", "<|pos|>")]) == ["none", "clean+pos"]
    assert room.names([("<|a|>",), ("<a>",)]) == ["<|a|>", "<a>"]
    twin = Attribute("len", ("<|low|>", "<neg>"), "<neg>", (1.0,))
    assert room.words([SEN, twin]) == {"sen": ["sen_neg", "neutral_sen", "pos"], "len": ["low", "len_neg"]}
