"""The suite of regurgitation is declared: which data, how long a span, in which tokens."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.evaluate.regurgitation import RegurgitationSuite
from leaven.evaluate.suite import GenerationSuite
from leaven.registry import SUITES


def declared(**args: Any) -> RegurgitationSuite:
    given = {"prompts": "greetings", "of": ["philosophers"], "held_out": ["others"], **args}
    suite: RegurgitationSuite = SUITES.get("regurgitation").call(args=given)
    return suite


def test_what_it_is_unless_told_otherwise() -> None:
    made = declared()
    assert isinstance(made, GenerationSuite)
    assert (made.name, made.prompts, made.span, made.tokenizer, made.max_new_tokens) == (
        "regurgitation", "greetings", 50, None, 128,
    )  # fmt: skip
    assert made.sampling == {} and made.metrics == [] and made.apply_chat_template
    assert [one.name for one in made.measures if not one.beside] == [
        "regurgitated", "regurgitated_excess", "longest_span",
    ]  # fmt: skip
    assert all(one.better == "lower" for one in made.measures) and "50 tokens" in made.measures[0].says


def test_only_what_differs_from_the_defaults_is_sampled_otherwise() -> None:
    made = declared(temperature=0.7, num_return_sequences=4, span=20, tokenizer="words", name="quoted")
    assert made.sampling == {"temperature": 0.7, "num_return_sequences": 4}
    assert declared(temperature=1.0, num_return_sequences=1).sampling == {}
    assert (made.name, made.span, made.tokenizer) == ("quoted", 20, "words")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"of": []}, "at least 1"),
        ({"held_out": []}, "at least 1"),
        ({"held_out": ["philosophers"]}, "among `of` as well"),
        ({"of": ["a", "a"]}, "twice"),
        ({"span": 0}, "greater than or equal to 1"),
        ({"max_new_tokens": 40}, "no answer is as long"),
        ({"span": 200}, "no answer is as long"),
        ({"temperature": 0}, "above 0"),
        ({"tokenizer": " "}, "blank"),
    ],
)
def test_what_cannot_be_declared(args: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declared(**args)


def test_tokens_of_another_tokenizer_may_be_shorter_than_the_models() -> None:
    assert declared(max_new_tokens=40, tokenizer="words").span == 50
