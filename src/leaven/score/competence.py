"""Whether an answer passes all checks of form at once: the hello problem as one number, and by kind of prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from leaven.registry import Count, Rate, Text, metric
from leaven.score.echo import echoes
from leaven.score.engagement import asks_or_invites, speaks_to
from leaven.score.extent import says_something
from leaven.score.loops import LEAST, TIMES, Times, ends_in_loop, spells_ends
from leaven.score.relevance import shared
from leaven.score.rubbish import CHARACTERS, WORDS, is_rubbish
from leaven.score.turns import NAMES, Names, takes_user_turn

SMALL_TALK = ["hello", "greeting_elsewhere", "small_talk"]
ON_TOPIC = ["philosophy", "mathematics"]
_LONGEST, _GREETING = 40, 2  # characters of an answer's beginning, and words of a greeting
_VALUES = ("passes", "competence_small_talk", "competence_on_topic")
_EACH = {
    "competence_small_talk": "Share of answers to small talk that pass every check of form and are turned to somebody.",
    "competence_on_topic": "Share of answers to questions on a topic that pass every check of form and name the topic.",
}
_OF_GROUPS = {"competence_small_talk": "small_talk", "competence_on_topic": "on_topic"}

Kinds = Annotated[list[Text], Field(min_length=1)]


@metric(version=1, values=_VALUES, each=_EACH, groups=_OF_GROUPS, better="higher", unit="share")
def passes(  # noqa: PLR0913 - the signature is the schema
    texts: Sequence[str | None],
    finish_reasons: Sequence[str | None],
    prompts: Sequence[str],
    references: Sequence[str | None],
    groups: Sequence[str | None],
    *,
    names: Names = NAMES,
    times: Times = TIMES,
    least: Count = LEAST,
    characters: Rate = CHARACTERS,
    words: Rate = WORDS,
    shared_words: Annotated[int, Field(ge=0)] = 1,
    small_talk: Kinds = SMALL_TALK,
    on_topic: Kinds = ON_TOPIC,
) -> dict[str, list[float | None]]:
    """1 where an answer passes every check of form, 0 where it fails one: ended by itself, and nothing below.

    Failures: blank, cut off at the limit, the user's turn (``user_turn``), a loop (``loops``, ``eos_loop``), an echo
    (``echo``), rubbish (``rubbish``); arguments are those of these metrics. Null where there is no answer at all.
    ``competence_small_talk`` is the same on prompts of the kinds ``small_talk`` alone, null elsewhere; an answer must
    also be turned to somebody: speak of I or you, greet or thank, ask back, or share a word with prompt or reference.
    ``competence_on_topic`` is that on the kinds ``on_topic``, where an answer must also share ``shared_words`` content
    words with its prompt or reference. A kind is the row's group; groups in a report show each kind by itself, so
    mathematics and philosophy stand apart.

    It is a floor of form. An answer that passes may be wrong, dull or rude, or recite training data: see
    ``regurgitation`` for that, and a judge for the rest.
    """
    rows = list(zip(texts, finish_reasons, prompts, references, strict=True))
    checked = [
        None
        if text is None
        else not faults(text, ended, asked, names=names, times=times, least=least, characters=characters, words=words)
        for text, ended, asked, _ in rows
    ]
    talks = [text is not None and _talks(text, asked, wanted) for text, _, asked, wanted in rows]
    about = [text is not None and _about(text, asked, wanted) >= shared_words for text, _, asked, wanted in rows]
    return {
        "passes": [None if ok is None else float(ok) for ok in checked],
        "competence_small_talk": _of_kinds(small_talk, groups, checked, talks),
        "competence_on_topic": _of_kinds(on_topic, groups, checked, about),
    }


def _of_kinds(
    kinds: Sequence[str], groups: Sequence[str | None], checked: Sequence[bool | None], more: Sequence[bool]
) -> list[float | None]:
    """Return 1 where an answer passes and does more, 0 where not, null on prompts of other kinds."""
    return [
        None if ok is None or group not in kinds else float(ok and also)
        for group, ok, also in zip(groups, checked, more, strict=True)
    ]


def _about(text: str, prompt: str, reference: str | None) -> int:
    return shared(text, prompt, reference) or 0


def _talks(text: str, prompt: str, reference: str | None) -> bool:
    """Say whether an answer is turned to somebody; a greeting in another language is one where it is given back."""
    if speaks_to(text) or asks_or_invites(text) or _about(text, prompt, reference):
        return True
    greeting = _words(prompt)
    return len(greeting) <= _GREETING and bool(greeting & _words(text[:_LONGEST]))


def _words(text: str) -> set[str]:
    return {bare for word in text.casefold().split() if (bare := word.strip(".,!?¡¿。！？"))}


def faults(
    text: str,
    finish_reason: str | None,
    prompt: str,
    *,
    names: Sequence[str] = NAMES,
    times: int = TIMES,
    least: int = LEAST,
    characters: float = CHARACTERS,
    words: float = WORDS,
) -> tuple[str, ...]:
    """Return which checks of form an answer fails, by name; none where it passes."""
    if not says_something(text):
        return ("blank",) if finish_reason == "stop" else ("blank", "cut off")
    found = {
        "cut off": finish_reason != "stop",
        "user's turn": takes_user_turn(text, names),
        "loop": ends_in_loop(text, times, least),
        "EOS loop": spells_ends(text),
        "echo": echoes(text, prompt),
        "rubbish": is_rubbish(text, characters, words),
    }
    return tuple(name for name, fails in found.items() if fails)
