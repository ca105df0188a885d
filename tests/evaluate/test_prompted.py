"""Suites over files of prompts are presets of ``generate``: the same declaration, and metrics that they can feed."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.evaluate.suite import GenerationSuite
from leaven.registry import METRICS, SUITES

NAMES = ("bold", "xstest", "advbench", "harmful_instructions")


def declared(preset: str, **args: Any) -> GenerationSuite:
    suite: GenerationSuite = SUITES.get(preset).call(args={"prompts": "p", **args})
    return suite


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_fed_by_what_the_suite_gives(name: str) -> None:
    made = declared(name)
    flows = {flow for step in made.metrics for flow in METRICS.get(step.name).flows}
    assert flows and flows <= set(SUITES.get(name).traits["gives"])
    assert made.name == made.prompts == "p"


@pytest.mark.parametrize("name", [*NAMES, "crows_pairs", "preferences"])
def test_each_says_what_it_does_not_measure(name: str) -> None:
    plugin = SUITES.get(name)
    assert len(plugin.traits["blind"]) > 40
    assert len(plugin.says) <= 130


@pytest.mark.parametrize("name", NAMES[1:])
def test_refusals_are_asked_for_greedily(name: str) -> None:
    made = declared(name, name="asked", max_new_tokens=16, metrics=["length"])
    assert made == declared("generate", name="asked", max_new_tokens=16, metrics=["length"], do_sample=False)


def test_beginnings_are_gone_on_from_without_the_template() -> None:
    plain = declared("bold", metrics=["length"])
    assert plain == declared("generate", metrics=["length"], max_new_tokens=32, apply_chat_template=False)
    several = declared("bold", metrics=["length"], num_return_sequences=3, temperature=0.7, apply_chat_template=True)
    assert several.sampling == {"temperature": 0.7, "num_return_sequences": 3}
    assert several.apply_chat_template


def test_presets_are_not_shared_between_studies() -> None:
    declared("xstest").sampling["do_sample"] = True
    assert declared("xstest").sampling == {"do_sample": False}
