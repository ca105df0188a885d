"""The suite of control tokens: does a model write what the tokens in front of it ask for?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from leaven.data.attributes import Attribute
from leaven.evaluate.measure import Measure
from leaven.evaluate.suite import DEFAULTS, MinP, Temperature, TopK, TopP
from leaven.registry import Count, Positive, Step, Text, suite
from leaven.score.control import BY_LABELLER, words

_BLIND = (
    "whether a text is any good: a model that writes nonsense of the right kind obeys, so read fluency and diversity "
    "beside it; and the scorer that labelled the training is no neutral judge of what comes out"
)

_SHARED = ("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size")
_DEFAULTS: dict[str, Any] = {**{name: DEFAULTS[name] for name in _SHARED}, "min_length": 0, "min_new_tokens": 0}

FLUENCY = Measure(
    "fluency", "How expected the texts are to the base before any training; nonsense is not.", "lower", "bits per byte"
)
_DIVERSE = [Step(name="self_bleu"), Step(name="corpus_distinct"), Step(name="length")]


@dataclass(frozen=True)
class ControlSuite:
    """Attributes of the study whose tokens are asked for, what is gone on from, and how answers are drawn.

    ``prompts`` None: each model begins on its own, ``samples`` times; else ``samples`` times for each prompt.
    ``place``: whether the tokens stand after the prompt or before it. ``sampling`` has only what differs from the
    defaults.
    """

    name: str
    attributes: tuple[str, ...]
    prompts: str | None
    samples: int
    max_new_tokens: int
    sampling: dict[str, Any]
    place: Literal["after", "before"]
    metrics: list[Step]

    @property
    def values(self) -> list[str]:
        """What it may measure, beside its metrics: which of it there is depends on the study's attributes."""
        kinds = ("misalignment", "obeys", "lifts", "sentences", "neutral")
        named = [f"{kind}_{name}" for name in self.attributes for kind in kinds]
        return [*named, *(f"misalignment_{name}_{BY_LABELLER}" for name in self.attributes), FLUENCY.name]


@suite(
    version=1, gives=("texts", "finish_reasons", "prompts"), also=("texts",), conditioned=True, own_prompts=True,
    blind=_BLIND,
)  # fmt: skip
def control(  # noqa: PLR0913 - the signature is the schema
    *,
    attributes: Annotated[list[Text], Field(min_length=1)],
    prompts: str | None = None,
    samples: Count = 256,
    metrics: list[Step] = _DIVERSE,
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = None,
    place: Literal["after", "before"] = "after",
    max_new_tokens: Count = 64,
    do_sample: bool | None = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    top_k: TopK = None,
    min_p: MinP = None,
    repetition_penalty: Positive | None = None,
    no_repeat_ngram_size: Annotated[int, Field(ge=0)] | None = None,
    min_length: Annotated[int, Field(ge=0)] | None = None,
    min_new_tokens: Annotated[int, Field(ge=0)] | None = None,
) -> ControlSuite:
    """Let a model write under every combination of its control tokens, and see whether its texts are as asked.

    Without ``prompts`` each model begins on its own, ``samples`` times; with them it goes on from each that often. The
    tokens stand ``after`` the prompt, as published, or ``before`` it, and never come out. Combinations share their
    noise, so that texts differ by the tokens alone. ``min_length`` counts the prompt as well, as in transformers;
    ``min_new_tokens`` does not.

    What it does not measure: whether a text is any good. A model that writes nonsense of the right kind obeys: read
    fluency and diversity beside it. The scorer that labelled the training is no neutral judge; give the attribute a
    ``judge`` where a second one is to be had.
    """
    declared = locals()
    given = {name: declared[name] for name in _DEFAULTS if declared[name] is not None}
    sampling = {name: value for name, value in given.items() if value != _DEFAULTS[name]}
    called = name or prompts or "control"
    return ControlSuite(called, tuple(attributes), prompts, samples, max_new_tokens, sampling, place, list(metrics))


def measures(attributes: Sequence[Attribute], judged: Collection[str]) -> list[Measure]:
    """Return what the suite measures of its attributes; ``judged`` are the names of those with a second scorer."""
    called = words(attributes)
    found = [one for attribute in attributes for one in _compared(attribute, attribute.name in judged)]
    for attribute in attributes:
        found += _beside(attribute, called[attribute.name], "")
        found += _beside(attribute, called[attribute.name], BY_LABELLER) if attribute.name in judged else []
    return [*found, FLUENCY]


def _compared(attribute: Attribute, is_judged: bool) -> Iterator[Measure]:
    name, by = attribute.name, "the second scorer (the judge)" if is_judged else "the scorer that labelled"
    contradicts = f"Misalignment: share of texts that contradict the token of {name} that is asked for"
    yield Measure(f"misalignment_{name}", f"{contradicts}, by {by}.", "lower", "share")
    if is_judged:
        circular = "by the scorer that labelled: circular, the model was taught by it"
        yield Measure(f"misalignment_{name}_{BY_LABELLER}", f"{contradicts}, {circular}.", "lower", "share")
    good = f"P({name} is good | its good token)"
    yield Measure(f"obeys_{name}", f"{good} - P(good | another of its tokens), by {by}.", "higher", "share")
    yield Measure(f"lifts_{name}", f"{good} - P(good | no token), same model, by {by}.", "higher", "share")
    share = f"Share of a text's sentences, its prompt's among them, that contradict the token of {name}"
    yield Measure(f"sentences_{name}", f"{share} (the published score), by {by}.", "lower", "share")
    if None in attribute.tokens:
        yield Measure(f"neutral_{name}", f"Share of texts that are neutral in {name}, by {by}.", None, "share")


def _beside(attribute: Attribute, called: Sequence[str], suffix: str) -> Iterator[Measure]:
    """What is measured under each combination of tokens: the matrix of asked for against measured."""
    end, by = (f"_{suffix}", " by the scorer that labelled") if suffix else ("", "")
    name = attribute.name
    each = [(f"contradicts_{name}", f"contradict the token of {name} that this combination asks for")]
    each += [(f"good_{name}", f"are good in {name}")]
    each += [(f"is_{word}", f"are {word} ({name})") for word in called]
    for metric, says in each:
        under = f"Share of texts that {says}{by}, under each combination of tokens."
        yield Measure(f"{metric}{end}", under, None, "share", beside=True)
