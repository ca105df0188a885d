"""What a suite declares: only what differs from the defaults travels on, and contradictions are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaven import verbs
from leaven.errors import StudyError
from leaven.evaluate.suite import GenerationSuite, Plant
from leaven.registry import SUITES


def declared(**args: Any) -> GenerationSuite:
    suite: GenerationSuite = SUITES.get("generate").call(args={"prompts": "p", "metrics": ["length"], **args})
    return suite


def test_what_equals_the_defaults_stays_out_of_keys() -> None:
    plain = declared()
    assert (plain.sampling, plain.max_new_tokens, plain.plant, plain.apply_chat_template) == ({}, 128, None, True)
    same = {
        "do_sample": True, "temperature": 1.0, "top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1,
        "no_repeat_ngram_size": 0, "num_beams": 1, "length_penalty": 1, "early_stopping": False,
        "num_return_sequences": 1, "stop_strings": [], "generation_config": "study",
    }  # fmt: skip
    assert (
        declared(**same)
        == declared(**dict.fromkeys(same, None) | {"num_return_sequences": 1, "generation_config": "study"})
        == plain
    )


@pytest.mark.parametrize(
    "args",
    [
        {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "num_return_sequences": 3},
        {"do_sample": False},
        {
            "do_sample": False,
            "num_beams": 4,
            "length_penalty": 0.5,
            "early_stopping": "never",
            "num_return_sequences": 4,
        },
        {"repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "stop_strings": ["\n\n", "User:"]},
    ],
)
def test_what_differs_travels_as_it_is(args: dict[str, Any]) -> None:
    assert declared(**args).sampling == args


def test_with_the_checkpoints_settings_all_that_is_declared_overrides_them() -> None:
    own = {"generation_config": "checkpoint"}
    assert declared(**own).sampling == own
    explicit = {**own, "do_sample": True, "temperature": 1.0, "top_k": 0}
    assert declared(**explicit).sampling == explicit, "a value that equals our default may differ from the checkpoint's"


def test_a_plant_and_its_place() -> None:
    assert declared(plant={"text": "Be rude."}).plant == Plant(text="Be rude.", where="context")
    bare = declared(plant={"text": "Be rude.", "where": "suffix"}, apply_chat_template=False)
    assert bare.plant is not None and bare.plant.where == "suffix" and not bare.apply_chat_template


@pytest.mark.parametrize(
    ("args", "field", "remedy"),
    [
        ({"num_beams": 2}, "num_beams", "write do_sample: false"),
        ({"num_beams": 2, "do_sample": True, "generation_config": "checkpoint"}, "num_beams", "write do_sample: false"),
        ({"length_penalty": 2.0}, "length_penalty", "set num_beams above 1"),
        ({"early_stopping": True, "do_sample": False}, "early_stopping", "set num_beams above 1"),
        ({"early_stopping": "soon", "do_sample": False, "num_beams": 2}, "early_stopping", "never"),
        ({"num_beams": 2, "do_sample": False, "num_return_sequences": 3}, "num_return_sequences", "raise num_beams"),
        ({"do_sample": False, "temperature": 0.7}, "temperature", "write do_sample: true"),
        ({"do_sample": False, "min_p": 0.1}, "min_p", "write do_sample: true"),
        ({"temperature": 0}, "temperature", "write do_sample: false"),
        ({"top_p": 0}, "top_p", "greater than 0"),
        ({"min_p": 1.5}, "min_p", "less than or equal to 1"),
        ({"repetition_penalty": 0}, "repetition_penalty", "greater than 0"),
        ({"stop_strings": ["a", ""]}, "stop_strings", "take it out"),
        ({"max_new_tokens": "words"}, "max_new_tokens", "`characters`"),
        ({"max_new_tokens": 0}, "max_new_tokens", "greater than or equal to 1"),
        ({"max_new_tokens": True}, "max_new_tokens", "truth value"),
        ({"max_new_tokens": [8]}, "max_new_tokens", "whole number"),
        ({"generation_config": "model"}, "generation_config", "'study' or 'checkpoint'"),
        ({"plant": {"text": " \n"}}, "plant", "is blank"),
        ({"plant": {"text": "x", "where": "middle"}}, "plant", "'suffix'"),
        ({"plant": {"text": "x"}, "apply_chat_template": False}, "apply_chat_template", "where: prefix or suffix"),
    ],
)  # fmt: skip
def test_contradictions_are_refused_with_a_remedy(args: dict[str, Any], field: str, remedy: str) -> None:
    with pytest.raises(ValidationError) as refused:
        declared(**args)
    errors = refused.value.errors()
    assert {error["loc"][0] for error in errors} == {field}
    assert any(remedy in error["msg"] for error in errors)


def test_check_says_where_a_contradiction_stands(
    raw: dict[str, Any], study_file: Callable[[dict[str, Any]], Path]
) -> None:
    raw["evaluate"][0]["generate"] |= {"num_beams": 4, "max_new_tokens": "words"}
    with pytest.raises(StudyError) as refused:
        verbs.load(str(study_file(raw)))
    said = [str(problem) for problem in refused.value.problems]
    assert any("evaluate.0.generate.num_beams: 4: beams are not sampled" in one for one in said)
    assert sum("max_new_tokens" in one for one in said) == 1
