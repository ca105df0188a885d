"""The suite of hello prompts: a preset of `generate` whose metrics it can feed."""

from __future__ import annotations

from typing import Any

from leaven.evaluate.suite import GenerationSuite
from leaven.registry import METRICS, SUITES


def declared(**args: Any) -> GenerationSuite:
    made: GenerationSuite = SUITES.get("hello").call(args={"prompts": "greetings", **args})
    return made


def test_it_feeds_its_metrics() -> None:
    flows = {flow for step in declared().metrics for flow in METRICS.get(step.name).flows}
    assert flows <= set(SUITES.get("hello").traits["gives"])
    assert len(SUITES.get("hello").says) <= 130 and len(SUITES.get("hello").traits["blind"]) > 40


def test_it_is_a_preset_of_generate() -> None:
    plain: GenerationSuite = SUITES.get("generate").call(
        args={"prompts": "greetings", "metrics": ["length"], "max_new_tokens": 64, "num_return_sequences": 4}
    )
    assert declared(metrics=["length"]) == plain
    assert declared(num_return_sequences=1).sampling == {}
    warm = declared(name="penalised", temperature=0.7, top_p=0.9, repetition_penalty=3.0, stop_strings=["User:"])
    assert warm.name == "penalised"
    assert warm.sampling == {
        "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 3.0, "num_return_sequences": 4, "stop_strings": ["User:"],
    }  # fmt: skip


def test_values_have_one_meaning_each() -> None:
    """No two metrics of the suite measure something under one name: a table could not tell them apart."""
    values = [
        value for step in declared().metrics for value in METRICS.get(step.name).traits.get("values", (step.name,))
    ]
    assert len(values) == len(set(values))
