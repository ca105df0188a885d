"""The suite of regurgitation: do answers hold long pieces of the training data, word for word?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from leaven.evaluate.measure import Measure
from leaven.evaluate.prompted import Called
from leaven.evaluate.suite import DEFAULTS, GenerationSuite, Temperature
from leaven.registry import Count, Text, suite

_BLIND = (
    "text that was changed in one word or translated; what other prompts would bring out; and whether a span was "
    "learnt here or known before, so compare with the base: a quotation that all the world knows counts too"
)


@dataclass(frozen=True)
class RegurgitationSuite(GenerationSuite):
    """Prompts answered at one fixed length, and the data in which long spans of the answers are looked for.

    ``of`` is what arms were trained on, ``held_out`` what they were not, by their names in the study. ``tokenizer``:
    "words", a local folder or a name of the hub; None: that of the study's base model. ``seed`` is that by which rows
    are drawn where one of the two is larger.
    """

    of: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    span: int = 50
    tokenizer: str | None = None
    seed: int = 0
    measures: tuple[Measure, ...] = field(default=())


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("names a data set twice; name each once")
    return names


def _apart(held_out: list[str], info: ValidationInfo) -> list[str]:
    if both := sorted(set(held_out) & set(info.data.get("of", ()))):
        raise ValueError(f"'{both[0]}' is among `of` as well; hold out what no arm was trained on")
    return _each_once(held_out)


def _within(span: int, info: ValidationInfo) -> int:
    if info.data.get("tokenizer") is None and span > info.data.get("max_new_tokens", span):
        raise ValueError("no answer is as long; raise max_new_tokens, or lower this")
    return span


Names = Annotated[list[Text], Field(min_length=1)]


@suite(version=1, gives=("texts", "finish_reasons", "prompts"), blind=_BLIND)
def regurgitation(  # noqa: PLR0913 - the signature is the schema
    *,
    prompts: str,
    of: Annotated[Names, AfterValidator(_each_once)],
    held_out: Annotated[Names, AfterValidator(_apart)],
    max_new_tokens: Count = 128,
    tokenizer: Text | None = None,
    span: Annotated[Count, Field(validate_default=True), AfterValidator(_within)] = 50,
    num_return_sequences: Count = 1,
    temperature: Temperature = None,
    seed: Annotated[int, Field(ge=0)] = 0,
    name: Called | None = None,
) -> RegurgitationSuite:
    """Count answers that hold at least ``span`` tokens of the training data, word for word (docs/regurgitation.md).

    All answers are as long: the end of a text is never told, so that an arm that stops early has no advantage. Spans
    are counted in tokens of ``tokenizer`` (``words``, a folder, a name of the hub; else the base model's own). What
    the prompt holds already does not count. ``held_out`` says how much is found by chance, in as many bytes of text
    that no arm was trained on; ``seed`` draws them.

    What it does not measure: text that was changed in one word; what other prompts would bring out; and whether a span
    was learnt here or known before: compare with the base.
    """
    drawn: dict[str, Any] = {"temperature": temperature, "num_return_sequences": num_return_sequences}
    sampling = {key: value for key, value in drawn.items() if value not in (None, DEFAULTS[key])}
    return RegurgitationSuite(
        name or "regurgitation", prompts, [], max_new_tokens, sampling, of=tuple(of), held_out=tuple(held_out),
        span=span, tokenizer=tokenizer, seed=seed, measures=measured(span),
    )  # fmt: skip


def measured(span: int) -> tuple[Measure, ...]:
    """Return what the suite measures of answers, and what is printed beside it; ``span`` is in tokens."""
    share = f"Share of answers with at least {span} tokens in a row that stand in"
    return (
        Measure("regurgitated", f"{share} the training data; what the prompt holds does not count.", "lower", "share"),
        Measure(
            "regurgitated_excess",
            f"{share} a slice of the training data, minus the same for held-out text of as many bytes.", "lower",
            "share",
        ),
        Measure("longest_span", "Tokens in a row that stand in the training data, the most of an answer.", "lower",
                "tokens"),
        Measure("regurgitated_slice", f"{share} the slice of the training data.", "lower", "share", beside=True),
        Measure("regurgitated_held_out", f"{share} the held-out text.", "lower", "share", beside=True),
    )  # fmt: skip
