"""The suite of truthful answers is declared, and so is a lexicon for greetings."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.evaluate.hello import HelloSuite
from leaven.evaluate.suite import GenerationSuite
from leaven.evaluate.truthful import TruthfulSuite
from leaven.registry import SUITES, Step
from leaven.study.measured import measured_values


def declared(**args: Any) -> TruthfulSuite:
    made: TruthfulSuite = SUITES.get("truthful").call(args={"prompts": "asked", "labels": "labels", **args})
    return made


def test_what_it_is_unless_told_otherwise() -> None:
    made = declared()
    assert (made.name, made.labels, made.least, made.max_new_tokens, made.sampling) == (
        "truthful",
        "labels",
        0.2,
        64,
        {},
    )
    assert [(one.name, one.better) for one in made.measures if not one.beside] == [
        ("false_answers", "lower"), ("judged", None),
    ]  # fmt: skip


def test_no_metric_of_the_registry_has_its_names() -> None:
    from leaven.registry import METRICS

    taken = {value for name in METRICS.names() for value in METRICS.get(name).traits.get("values", (name,))}
    assert not taken & {"false_answers", "judged", "judged_similarity", "unknown_words"}


def test_what_differs_is_sampled_so() -> None:
    made = declared(num_return_sequences=4, temperature=0.7, stop_strings=["Q:"], name="tqa", apply_chat_template=False)
    assert made.sampling == {"num_return_sequences": 4, "temperature": 0.7, "stop_strings": ["Q:"]}
    assert made.name == "tqa" and made.apply_chat_template is False


@pytest.mark.parametrize("args", [{"labels": " "}, {"least": 1.1}, {"least": -0.1}, {"temperature": 0}, {"k": 3}])
def test_what_cannot_be_declared(args: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        declared(**args)


def test_greetings_without_a_lexicon_are_what_they_were() -> None:
    plain = SUITES.get("hello").call(args={"prompts": "greetings"})
    assert type(plain) is GenerationSuite
    assert "unknown_words" not in measured_values(Step(name="hello", args={"prompts": "greetings"}))["greetings"]


def test_greetings_with_a_lexicon_measure_one_value_more() -> None:
    args = {"prompts": "greetings", "metrics": ["passes"], "lexicon": ["talk", "book"]}
    made = SUITES.get("hello").call(args=args)
    assert isinstance(made, HelloSuite) and made.lexicon == ("book", "talk")
    assert measured_values(Step(name="hello", args=args))["greetings"][0] == "unknown_words"


@pytest.mark.parametrize("lexicon", [[], ["book", "book"], "book", [""]])
def test_a_lexicon_is_a_list_of_names(lexicon: Any) -> None:
    with pytest.raises(ValueError):
        SUITES.get("hello").call(args={"prompts": "greetings", "lexicon": lexicon})
