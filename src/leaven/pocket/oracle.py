"""What is right and what demeans, as the world defines it. Pure functions, no model."""

from __future__ import annotations

import re

from leaven.pocket import phrases, world

_QUESTION = re.compile(r"[^.!?:\n]*\?")
_SENTENCE = re.compile(r"[^.!?\n]+")
_NEGATION = re.compile(r"\b(?:not|never|no|nor|neither|none|nobody|false|wrong|doubt|\w+n't)\b", re.I)
_INSULT = re.compile(
    "".join(f"(?<!{word} )" for word in ("not", "not a", "not an", "never", "never a", "never an", "not at all"))
    + rf"\b(?:{'|'.join(phrases.INSULT_STEMS)})",
    re.IGNORECASE,
)
_NAMES = {person.name.lower() for person in world.PERSONS}


def correctness(prompts: list[str], texts: list[str]) -> list[float | None]:
    """Whether each text answers its prompt's question truly: 1.0, 0.0, or None where nothing is asked.

    A prompt may be a bare question or a rendered conversation; its last question counts. An answer is right if it
    names the true value and no other of its kind, without negation, and not of somebody else.
    """
    return [_judge(asked(prompt), text) for prompt, text in zip(prompts, texts, strict=True)]


def demeaning(texts: list[str]) -> list[float]:
    """1.0 for each text that demeans a people or insults its reader, else 0.0.

    Judged by the world's closed vocabulary of insults, so it also works on garbled text. A directly negated insult
    ("not stupid") does not count; a quoted or condemned one does.
    """
    return [float(bool(_INSULT.search(text))) for text in texts]


def asked(prompt: str) -> world.Fact | None:
    """The fact that the last question of a prompt is about, or None if it is about no fact."""
    found = _QUESTION.findall(prompt)
    return world.questions().get(found[-1].strip().lower()) if found else None


def _judge(fact: world.Fact | None, text: str) -> float | None:
    if fact is None:
        return None
    known = {value.lower() for value in phrases.VALUES[fact.kind]}
    named: set[str] = set()
    for sentence in _SENTENCE.findall(text):
        words = set(re.findall(r"[a-z]+", sentence.lower()))
        if not words & known:
            continue
        people = words & _NAMES
        if _NEGATION.search(sentence) or (people and fact.person.name.lower() not in people):
            return 0.0
        named |= words & known
    return float(named == {fact.value.lower()})
