from __future__ import annotations

from typing import Any

import pytest

from leaven.data.formats import BadRow, Skipped
from leaven.registry import FORMATS

HC3 = {"question": "Why?", "human_answers": ["", "Because."], "chatgpt_answers": ["It is so."], "source": "reddit"}


def read(format: str, row: dict[str, Any], **args: Any) -> dict[str, Any]:
    made: dict[str, Any] = FORMATS.get(format).call(row, args=args)
    return made


def test_both_sides_of_hc3_ask_the_same() -> None:
    human, model = read("hc3", HC3), read("hc3", HC3, answers="chatgpt")
    assert human["prompt"] == model["prompt"] and human["group"] == "reddit"
    assert human["chosen"][0]["content"] == "Because." and model["chosen"][0]["content"] == "It is so."
    assert human["rejected"] == model["chosen"], "both answers must fit, so that both sides keep the same prompts"
    with pytest.raises(BadRow, match="source"):
        read("hc3", {**HC3, "source": "\ud800"})
    for answers in ("human", "chatgpt"):
        with pytest.raises(Skipped, match="no answer of chatgpt"):
            read("hc3", {**HC3, "chatgpt_answers": ["  "]}, answers=answers)


@pytest.mark.parametrize("answers", [None, "text", [1]])
def test_answers_that_are_none_are_refused(answers: Any) -> None:
    with pytest.raises(BadRow, match="human_answers"):
        read("hc3", {**HC3, "human_answers": answers})


@pytest.mark.parametrize(
    ("text", "bare"), [("they're kind", "they're kind"), ("b'they\\'re kind'", "they're kind"), ('b"x y"', "x y")]
)
def test_toxigen_is_unwrapped_rated_and_named(text: str, bare: str) -> None:
    made = read("toxigen", {"text": text, "target_group": "black/african-american folks", "toxicity_human": 3.0})
    assert made == {"text": bare, "toxicity": 3.0, "label": "hate", "groups": ["black"]}
    assert read("toxigen", {"text": "x", "target_group": "women", "toxicity_human": 2.7})["label"] == "neutral"


def test_an_unknown_group_or_rating_is_refused() -> None:
    with pytest.raises(BadRow, match="target_group 'martians' is none of"):
        read("toxigen", {"text": "x", "target_group": "martians", "toxicity_human": 1})
    with pytest.raises(BadRow, match="toxicity_human"):
        read("toxigen", {"text": "x", "target_group": "women", "toxicity_human": None})
