"""Suites: declarations of what is measured. A suite calls nobody; ``wiring`` turns it into stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, ValidationInfo

from leaven.registry import Count, Declared, Positive, Step, Text, suite

CHARACTERS = "characters"  # max_new_tokens of a row: the characters of its question and its reference


class Plant(Declared):
    """A sentence planted into every prompt: ``context`` is the system message, the others the last user turn."""

    text: Text
    where: Literal["context", "prefix", "suffix"] = "context"


@dataclass(frozen=True)
class GenerationSuite:
    """Prompts, how answers to them are sampled, and the metrics read off the answers."""

    name: str
    prompts: str
    metrics: list[Step]
    max_new_tokens: int | Literal["characters"]
    sampling: dict[str, Any]  # only what differs from the defaults
    plant: Plant | None = None
    apply_chat_template: bool = True


# What is done unless told otherwise; values equal to these stay out of keys.
DEFAULTS: dict[str, Any] = {
    "do_sample": True,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "length_penalty": 1.0,
    "early_stopping": False,
    "num_return_sequences": 1,
    "stop_strings": [],
}


def _warm(value: Any) -> Any:
    if isinstance(value, int | float) and value <= 0:
        raise ValueError("should be above 0; for greedy answers write do_sample: false")
    return value


def _limit(value: Any) -> Any:
    """Say one thing about a wrong limit, where a union would say what each of its members wants."""
    if isinstance(value, str) and value != CHARACTERS and not value.isdecimal():
        raise ValueError(f"write a number of tokens, or `{CHARACTERS}`: as many as question and reference have")
    if isinstance(value, int | float) and value < 1:
        raise ValueError("should be greater than or equal to 1")
    if not isinstance(value, int | str):
        raise ValueError("should be a whole number of tokens")
    return value


def _seen(value: bool, info: ValidationInfo) -> bool:
    plant = info.data.get("plant")
    if not value and plant is not None and plant.where == "context":
        raise ValueError("the bare last user turn shows no context; plant with where: prefix or suffix")
    return value


def _needs_sampling(value: Any, info: ValidationInfo) -> Any:
    if info.data.get("do_sample") is False and value not in (None, DEFAULTS[str(info.field_name)]):
        raise ValueError("has no effect on greedy answers; take it out, or write do_sample: true")
    return value


def _needs_greedy(value: int | None, info: ValidationInfo) -> int | None:
    sampled = info.data.get("do_sample", False)  # absent: refused already
    if sampled is None:
        sampled = _by_the_study(info)
    if value is not None and value > 1 and sampled:
        raise ValueError("beams are not sampled; write do_sample: false, or take num_beams out")
    return value


def _needs_beams(value: Any, info: ValidationInfo) -> Any:
    beams = info.data.get("num_beams") or (1 if _by_the_study(info) and "num_beams" in info.data else None)
    if beams == 1 and value not in (None, DEFAULTS[str(info.field_name)]):
        raise ValueError("ranks beams, and there is one; set num_beams above 1 and do_sample: false, or take it out")
    return value


def _by_the_study(info: ValidationInfo) -> bool:
    """Say whether what is not declared is known: of a checkpoint's settings only the model itself can tell."""
    return info.data.get("generation_config") == "study"


def _within_beams(value: int, info: ValidationInfo) -> int:
    beams = info.data.get("num_beams") or 1
    if 1 < beams < value:
        raise ValueError(f"{beams} beams end as {beams} answers at most; raise num_beams or lower this")
    return value


def _not_empty(value: list[str] | None) -> list[str] | None:
    if value is not None and "" in value:
        raise ValueError("an empty string would stop every answer at once; take it out")
    return value


# Settings of sampling that several suites declare; None: as ``DEFAULTS`` says.
Temperature = Annotated[float | None, BeforeValidator(_warm), AfterValidator(_needs_sampling)]
TopP = Annotated[Annotated[float, Field(gt=0, le=1)] | None, AfterValidator(_needs_sampling)]
TopK = Annotated[Annotated[int, Field(ge=0)] | None, AfterValidator(_needs_sampling)]
MinP = Annotated[Annotated[float, Field(ge=0, le=1)] | None, AfterValidator(_needs_sampling)]


@suite(
    version=2, gives=("texts", "finish_reasons", "prompts", "references", "others", "groups", "messages", "passages"),
    with_tokens=("good", "each")
)  # fmt: skip
def generate(  # noqa: PLR0913 - the signature is the schema
    *,
    prompts: str,
    metrics: Annotated[list[Step], Field(min_length=1)],
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
    plant: Plant | None = None,
    apply_chat_template: Annotated[bool, AfterValidator(_seen)] = True,
    max_new_tokens: Annotated[Count | Literal["characters"], BeforeValidator(_limit)] = 128,
    generation_config: Literal["study", "checkpoint"] = "study",
    do_sample: bool | None = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    top_k: TopK = None,
    min_p: MinP = None,
    repetition_penalty: Positive | None = None,
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] | None = None,
    num_beams: Annotated[Count | None, AfterValidator(_needs_greedy)] = None,
    length_penalty: Annotated[float | None, AfterValidator(_needs_beams)] = None,
    early_stopping: Annotated[StrictBool | Literal["never"] | None, AfterValidator(_needs_beams)] = None,
    num_return_sequences: Annotated[Count, AfterValidator(_within_beams)] = 1,
    stop_strings: Annotated[list[str] | None, AfterValidator(_not_empty)] = None,
) -> GenerationSuite:
    """Answer the prompts of a data set and score the answers; arguments as in transformers' generation.

    Unless declared: one sample at temperature 1, nothing filtered, penalised or stopped at (``do_sample: true``,
    ``top_p: 1``, ``top_k: 0``, ``num_beams: 1``). ``do_sample: false`` is greedy, by beams with ``num_beams`` above 1.
    ``generation_config: checkpoint`` takes what is not declared from the model's own generation settings instead.
    ``num_return_sequences`` samples per prompt are averaged within item and seed before arms are paired.
    ``max_new_tokens: characters`` gives each answer as many tokens as its question and reference have characters.
    ``plant`` puts a sentence into every prompt; ``apply_chat_template: false`` asks with the bare last user turn.
    """
    declared = locals()
    given = {name: declared[name] for name in DEFAULTS if declared[name] is not None}
    if generation_config == "study":
        sampling = {name: value for name, value in given.items() if value != DEFAULTS[name]}
    else:  # a value that equals our default may differ from the checkpoint's
        several = {} if num_return_sequences > 1 else {"num_return_sequences"}
        sampling = {"generation_config": "checkpoint", **{name: given[name] for name in given if name not in several}}
    return GenerationSuite(name or prompts, prompts, metrics, max_new_tokens, sampling, plant, apply_chat_template)
