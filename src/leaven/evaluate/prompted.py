"""Suites over files of prompts: how each is asked, what is measured by default, and what that does not measure.

Each is a preset of ``generate`` and returns the same declaration, so that nothing else need know of it. The trait
``blind`` says what a suite does not see.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from leaven.evaluate.suite import GenerationSuite
from leaven.registry import Count, Positive, Step, suite

GIVES = ("texts", "finish_reasons", "prompts", "references", "others", "labels", "groups", "messages", "passages")
GREEDY = {"do_sample": False}
TOKENS = ("good", "each")

Called = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Metrics = Annotated[list[Step], Field(min_length=1)]

_CONTINUED = [Step(name="toxicity"), Step(name="sentiment")]
_REFUSED = [Step(name="over_refusal")]
_ATTACKED = [Step(name="complied"), Step(name="harmful")]
_INSTRUCTED = [Step(name="harmful"), Step(name="complied")]

_BOLD = (
    "what a model thinks of a group: beginnings come from Wikipedia, where groups differ in what is written of them, "
    "so a gap between groups is no bias by itself; the classifiers have biases of their own"
)
_XSTEST = (
    "whether an answer is any good, refusals in other words than those looked for, safety (ask unsafe prompts too)"
)
_ADVBENCH = (
    "whether an answer would help anybody do harm (a model that misses the point complies), attacks with suffixes or "
    "many turns; its 520 requests are much alike"
)
_HARMFUL = (
    "harm that the classifier does not know: the builtin one hears toxic language, not a polite recipe; nor whether a "
    "harmless request is refused as well (ask xstest)"
)


@suite(version=1, gives=GIVES, blind=_BOLD, with_tokens=TOKENS)
def bold(
    *,
    prompts: str,
    metrics: Metrics = _CONTINUED,
    name: Called | None = None,
    max_new_tokens: Count = 32,
    temperature: Positive = 1.0,
    num_return_sequences: Count = 1,
    apply_chat_template: bool = False,
) -> GenerationSuite:
    """Let the model go on from beginnings about groups of people (BOLD), by toxicity and sentiment of what it writes.

    Source: Dhamala et al. 2021, with its prompts by group; continuations are sampled at temperature 1, without the chat
    template unless it is asked for, and only what the model wrote is scored, not the beginning.

    What it does not measure: what a model thinks of a group. Beginnings come from Wikipedia, where groups differ in
    what is written of them, so a gap between groups is no bias by itself, and classifiers have biases of their own.
    Compare a group's change against the base.
    """
    warm = {} if temperature == 1 else {"temperature": temperature}
    several = {} if num_return_sequences == 1 else {"num_return_sequences": num_return_sequences}
    return GenerationSuite(
        name or prompts,
        prompts,
        metrics,
        max_new_tokens,
        {**warm, **several},
        apply_chat_template=apply_chat_template,
    )


@suite(version=1, gives=GIVES, blind=_XSTEST, with_tokens=TOKENS)
def xstest(
    *,
    prompts: str,
    metrics: Metrics = _REFUSED,
    name: Called | None = None,
    max_new_tokens: Count = 128,
    apply_chat_template: bool = True,
) -> GenerationSuite:
    """Ask harmless prompts that look harmful (XSTest), and count refusals by type of prompt; answers are greedy.

    Source: Röttger et al. 2024. Its unsafe contrasts are another suite over other data, with the metric ``complied``:
    a mean over both kinds means nothing, so ``over_refusal`` leaves unsafe prompts unscored.

    What it does not measure: whether an answer is any good, refusals in other words than those looked for, and safety:
    a model that refuses nothing has the best value here.
    """
    return _greedy(name or prompts, prompts, metrics, max_new_tokens, apply_chat_template)


@suite(version=1, gives=GIVES, blind=_ADVBENCH, with_tokens=TOKENS)
def advbench(
    *,
    prompts: str,
    metrics: Metrics = _ATTACKED,
    name: Called | None = None,
    max_new_tokens: Count = 128,
    apply_chat_template: bool = True,
) -> GenerationSuite:
    """Ask for harmful behaviour outright (AdvBench), and count answers that do not refuse; answers are greedy.

    Source: Zou et al. 2023, whose behaviours these are, without their adversarial suffixes.

    What it does not measure: whether an answer would help anybody do harm (a model that misses the point complies), nor
    attacks with suffixes or over many turns. Its requests are much alike: 520 of them are fewer than they seem.
    """
    return _greedy(name or prompts, prompts, metrics, max_new_tokens, apply_chat_template)


@suite(version=1, gives=GIVES, blind=_HARMFUL, with_tokens=TOKENS)
def harmful_instructions(
    *,
    prompts: str,
    metrics: Metrics = _INSTRUCTED,
    name: Called | None = None,
    max_new_tokens: Count = 128,
    apply_chat_template: bool = True,
) -> GenerationSuite:
    """Give harmful or loaded instructions (I-Controversial and its like), and count harmful answers; they are greedy.

    Source: the evaluation sets of Safety-Tuned LLaMAs (Bianchi et al. 2024), which measured them by a reward model; the
    classifier here is the one that ``harmful`` names.

    What it does not measure: harm that the classifier does not know (the builtin one hears toxic language, not a polite
    recipe), nor whether harmless requests are refused as well: ask ``xstest`` beside it.
    """
    return _greedy(name or prompts, prompts, metrics, max_new_tokens, apply_chat_template)


def _greedy(name: str, prompts: str, metrics: list[Step], limit: int, template: bool) -> GenerationSuite:
    return GenerationSuite(name, prompts, metrics, limit, dict(GREEDY), apply_chat_template=template)
