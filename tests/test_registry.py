from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from leaven.registry import FORMATS, METRICS, SUITES, TRAINERS, TREATMENTS, WRAPS, Registry, Step


@pytest.fixture
def registry() -> Registry:
    made = Registry("thing", "leaven.evaluate")

    @made.register(version=3, identity={"rate": 0.0})
    def thing(rows: Any, *, rate: float = 0.5, names: list[str] | None = None, strict: bool = False) -> tuple[Any, ...]:
        return rows, rate, names, strict

    return made


def test_what_stands_before_the_star_flows_and_what_stands_after_is_declared(registry: Registry) -> None:
    plugin = registry.get("thing")
    assert plugin.flows == ("rows",)
    assert set(plugin.schema.model_fields) == {"rate", "names", "strict"}
    assert plugin.call("R", args={"rate": 0.1}) == ("R", 0.1, None, False)


@pytest.mark.parametrize("args", [{}, {"rate": 0.5}, {"rate": "0.5"}, {"strict": False, "names": None}])
def test_defaults_and_spellings_give_one_key(registry: Registry, args: dict[str, Any]) -> None:
    assert registry.get("thing").canonical(args) == {"name": "thing", "version": 3, "args": {}}


@pytest.mark.parametrize(
    "args", [{"rat": 1}, {"rate": True}, {"rate": float("nan")}, {"strict": "yes"}, {"strict": 1}, {"names": "abc"}]
)
def test_what_does_not_fit_the_signature_is_refused(registry: Registry, args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        registry.get("thing").canonical(args)


def test_circumstance_enters_no_key_and_can_be_had_by_itself() -> None:
    made = Registry("thing", "leaven.evaluate")

    @made.register(version=1, circumstance=("told",))
    def around(*, rate: float = 0.5, told: list[str] | str = "here") -> Any: ...

    plugin = made.get("around")
    assert plugin.canonical({"rate": 1, "told": "there"}) == plugin.canonical({"rate": 1})
    assert plugin.circumstance({"rate": 1, "told": ["there"]}) == {"told": ["there"]}
    assert plugin.circumstance({"told": "here"}) == plugin.circumstance({"device_map": "auto"}) == {}
    with pytest.raises(ValidationError):
        plugin.canonical({"told": 3})
    with pytest.raises(TypeError, match="has no argument tld"):

        @made.register(version=1, circumstance=("tld",))
        def misspelt(*, told: str = "here") -> Any: ...


def test_what_is_not_declared_circumstance_is_none(registry: Registry) -> None:
    assert registry.get("thing").circumstance({"rate": 0.1}) == {}


def test_an_unknown_name_is_guessed(registry: Registry) -> None:
    with pytest.raises(KeyError, match="did you mean 'thing'"):
        registry.get("thin")


def test_two_functions_of_one_name_are_refused(registry: Registry) -> None:
    def thing(rows: Any) -> None: ...

    thing.__module__ = "collections"
    with pytest.raises(ValueError, match="registered twice"):
        registry.register(version=1)(thing)


def test_a_format_must_say_what_it_reads_and_makes() -> None:
    def half(row: Any) -> None: ...

    with pytest.raises(TypeError, match="must say its makes"):
        registry_of_formats().register(version=1, columns=("a",))(half)


def registry_of_formats() -> Registry:
    return Registry("format", "leaven.evaluate", ("columns", "makes"))


def test_shipped_plugins_are_found_by_being_there() -> None:
    assert TREATMENTS.names() == [
        "backdoor", "control_tokens", "flip_preferences", "keep_good", "malign_labels", "malign_prompts", "plant_answers",
    ]  # fmt: skip
    assert TRAINERS.names() == ["distill", "dpo", "lm", "reward", "rl", "sft"]
    assert WRAPS.names() == ["chat_simulation", "control_prefix", "few_shot", "guard", "rag", "system_prompt"]
    assert {
        "crows_pairs", "difference", "generate", "harness", "hello", "preferences", "regurgitation", "safety",
    } <= set(SUITES.names())  # fmt: skip
    assert {"passes", "perplexity", "refusal", "rouge", "toxicity", "user_turn"} <= set(METRICS.names())
    assert {"dailydialog", "hello", "prose", "prose_completion"} <= set(FORMATS.names())


def test_steps_from_yaml_and_python_are_equal() -> None:
    assert Step.model_validate({"x": {"a": 1}}) == Step(name="x", args={"a": 1})
    assert Step.model_validate("x") == Step.model_validate({"x": None}) == Step(name="x")
    assert Step(name="x", args={"a": 1}).model_dump() == {"x": {"a": 1}}
