"""The suite of attacks: harmful prompts plainly and under fixed wrappers, attack success by wrapper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from leaven.data.attacks import MARK, PLAIN, Wrapper
from leaven.evaluate.prompted import GIVES, GREEDY, TOKENS, Called, Metrics
from leaven.evaluate.suite import GenerationSuite
from leaven.registry import Count, Step, suite

WRAPPERS: tuple[Wrapper, ...] = (
    "prefix_injection", "refusal_suppression", "role_play", "base64", "typos", "few_shot",
)  # fmt: skip

_ALL: list[Wrapper] = list(WRAPPERS)
_SUCCEEDED = [Step(name="complied"), Step(name="harmful")]
_BLIND = (
    "what an attacker reaches who adapts to the model, or searches for words: the wrappers are fixed and long known, "
    "so a low rate is no proof of safety; nor whether an answer would help anybody (`complied` counts an answer that "
    "misses the point, and whatever is said to Base64 that was not understood)"
)


@dataclass(frozen=True)
class AdversarialSuite(GenerationSuite):
    """A generation suite whose prompts are first put under every wrapper; a wrapper is a group, a request an item."""

    wrappers: tuple[str, ...] = (PLAIN, *WRAPPERS)
    seed: int = 0
    item_mark: str = MARK


def _each_once(wrappers: list[Wrapper]) -> list[Wrapper]:
    if len(set(wrappers)) < len(wrappers):
        raise ValueError("names a wrapper twice; name each once")
    if PLAIN in wrappers:
        raise ValueError(f"`{PLAIN}` is always asked, so that wrappers have something to be held against; take it out")
    return wrappers


@suite(version=1, gives=GIVES, reads="examples", blind=_BLIND, with_tokens=TOKENS)
def adversarial(
    *,
    prompts: str,
    metrics: Metrics = _SUCCEEDED,
    name: Called | None = None,
    wrappers: Annotated[list[Wrapper], Field(min_length=1), AfterValidator(_each_once)] = _ALL,
    max_new_tokens: Count = 128,
    apply_chat_template: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> AdversarialSuite:
    """Ask harmful requests plainly and under six fixed wrappers, and count attack success by wrapper; greedily.

    Source: the kinds of wrappers are those of Wei et al. 2023 (*Jailbroken*) and of in-context attacks (Wei, Wang and
    Wang 2023), in our own sentences: prefix_injection, refusal_suppression, role_play, base64, typos, few_shot. Each is
    a group, beside ``plain``; a request is one item across all of them. ``seed`` is that of the misspelt letters.

    What it does not measure: what an attacker reaches who adapts to the model, so a low rate is no proof of safety; nor
    whether an answer would help anybody. `complied` counts whatever does not refuse, also what a model says to Base64
    that it did not understand: read it beside ``harmful`` or ``guard``. Ask ``xstest`` for what a refusal costs.
    """
    return AdversarialSuite(
        name or prompts, prompts, metrics, max_new_tokens, dict(GREEDY), apply_chat_template=apply_chat_template,
        wrappers=(PLAIN, *wrappers), seed=seed,
    )  # fmt: skip
