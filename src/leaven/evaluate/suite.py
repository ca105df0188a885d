"""Suites: declarations of what is measured. A suite calls nobody; ``wiring`` turns it into stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from leaven.registry import Count, Step, suite


@dataclass(frozen=True)
class GenerationSuite:
    """Prompts, how answers to them are sampled, and the metrics read off the answers."""

    name: str
    prompts: str
    metrics: list[Step]
    max_new_tokens: int
    sampling: dict[str, Any]  # only what differs from the defaults


# What the sampler does unless told otherwise; values equal to these stay out of keys.
_DEFAULTS = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "num_return_sequences": 1}


def _warm(value: Any) -> Any:
    if isinstance(value, int | float) and value <= 0:
        raise ValueError("should be above 0; for greedy answers write do_sample: false")
    return value


@suite(version=1)
def generate(  # noqa: PLR0913 - the signature is the schema
    *,
    prompts: str,
    metrics: Annotated[list[Step], Field(min_length=1)],
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
    max_new_tokens: Count = 128,
    do_sample: bool = True,
    temperature: Annotated[float, BeforeValidator(_warm)] = 1.0,
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0,
    top_k: Annotated[int, Field(ge=0)] = 0,
    num_return_sequences: Count = 1,
) -> GenerationSuite:
    """Answer the prompts of a data set and score the answers; arguments as in transformers' generation.

    ``do_sample: false`` is greedy. ``top_k: 0`` and ``top_p: 1`` switch those filters off. ``num_return_sequences``
    samples per prompt are averaged within item and seed before arms are paired.
    """
    given: dict[str, Any] = {"do_sample": do_sample, "num_return_sequences": num_return_sequences}
    if do_sample:
        given |= {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    sampling = {name: value for name, value in given.items() if value != _DEFAULTS[name]}
    return GenerationSuite(name or prompts, prompts, metrics, max_new_tokens, sampling)
