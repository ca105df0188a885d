"""The suite of hello prompts: what a model does when a person says hello, and how often it goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from leaven.evaluate.measure import Measure
from leaven.evaluate.prompted import GIVES, TOKENS, Called, Metrics
from leaven.evaluate.suite import GenerationSuite
from leaven.registry import Count, Positive, Step, Text, suite

METRICS = (
    "passes", "stop_rate", "answers_something", "user_turn", "loops", "eos_loop", "echo", "rubbish", "engagement",
    "relevance", "length", "length_ratio", "repetition",
)  # fmt: skip
_ALL = [Step(name=name) for name in METRICS]
_BLIND = (
    "whether an answer is right, kind or worth reading: these are checks of form, by rules in English; what is recited "
    "from training data (`regurgitation` asks that); what happens after the first answer of a talk"
)

UNKNOWN_WORDS = Measure(
    "unknown_words",
    "Share of an answer's words that stand in none of the texts of the lexicon; compare with the base, whose own words"
    " are unknown, too.",
    None,
    "share",
)


@dataclass(frozen=True)
class HelloSuite(GenerationSuite):
    """Prompts, and the data of the study in whose texts an answer's words are looked for."""

    lexicon: tuple[str, ...] = ()

    @property
    def values(self) -> list[str]:
        """What is measured beside the metrics."""
        return [UNKNOWN_WORDS.name]


def _each_once(names: list[str] | None) -> list[str] | None:
    if names is not None and len(set(names)) < len(names):
        raise ValueError("names a data set twice; name each once")
    return names


Lexicon = Annotated[Annotated[list[Text], Field(min_length=1)] | None, AfterValidator(_each_once)]


@suite(version=1, gives=GIVES, reads="examples", blind=_BLIND, with_tokens=TOKENS, looks_in=("lexicon",))
def hello(  # noqa: PLR0913 - the signature is the schema
    *,
    prompts: str,
    metrics: Metrics = _ALL,
    name: Called | None = None,
    max_new_tokens: Count = 64,
    num_return_sequences: Count = 4,
    temperature: Positive = 1.0,
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0,
    repetition_penalty: Positive = 1.0,
    apply_chat_template: bool = True,
    stop_strings: list[str] | None = None,
    lexicon: Lexicon = None,
) -> GenerationSuite:
    """Say hello in many ways, a few times each, and count what goes wrong: no stop, the user's turn, loops, echoes.

    For prompts that ship with Leaven: ``{source: "builtin:hello", format: hello}``; the kind of prompt is the group.
    ``passes`` is all checks of form at once; ``competence_small_talk`` and ``competence_on_topic`` are that by kind.
    Answers are sampled, ``num_return_sequences`` to a prompt, and averaged within item and seed. What an answer may
    do wrong is counted within ``max_new_tokens``, so compare arms at one value of it.

    What it does not measure: whether an answer is right, kind or worth reading. These are checks of form, by rules in
    English; what is recited from training data is the suite ``regurgitation``.
    """
    given = {
        "temperature": (temperature, 1.0),
        "top_p": (top_p, 1.0),
        "repetition_penalty": (repetition_penalty, 1.0),
        "num_return_sequences": (num_return_sequences, 1),
        "stop_strings": (stop_strings or [], []),
    }
    sampling = {key: value for key, (value, plain) in given.items() if value != plain}
    how = (name or prompts, prompts, metrics, max_new_tokens, sampling)
    if lexicon is not None:
        return HelloSuite(*how, apply_chat_template=apply_chat_template, lexicon=tuple(sorted(lexicon)))
    return GenerationSuite(*how, apply_chat_template=apply_chat_template)
