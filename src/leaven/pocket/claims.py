"""What a text states about the embedded world, fact by fact, and whether it is true. Pure functions, no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from leaven.pocket import oracle, phrases, world

_SENTENCE = re.compile(r"[^.!?\n]+[.!?\n]?")
_WORD = re.compile(r"[a-z]+")
_LONGEST = 2000  # characters of a prompt: its last question is wanted
_DENIES = re.compile(r"\b(?:not|never|no|nor|neither|none|nobody|false|wrong|doubt|\w{1,20}n't)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """One stated fact: a person's value of a kind, and whether the world has it so."""

    person: str
    kind: str
    value: str
    true: bool


def claims(prompt: str, text: str) -> list[Claim]:
    """Return the facts that an answer states, in its order; each once.

    A sentence states one for each known value in it, of the person whom it names first; else of the one named before,
    or asked about. Questions, and sentences that deny something, state none.
    """
    asked = oracle.asked(prompt[-_LONGEST:])
    about = asked.person.name.lower() if asked else None
    found: dict[Claim, None] = {}
    for sentence in _SENTENCE.findall(text):
        words = _WORD.findall(sentence.lower())
        about = next((word for word in words if word in _truth()), about)
        if about is None or sentence.endswith("?") or _DENIES.search(sentence):
            continue
        for word in words:
            if (kind := _kinds().get(word)) is not None:
                found[Claim(about, kind, word, _truth()[about][kind] == word)] = None
    return list(found)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, str]:
    """The kind of each value; no value is of two kinds."""
    return {value.lower(): kind for kind, values in phrases.VALUES.items() for value in values}


@lru_cache(maxsize=1)
def _truth() -> dict[str, dict[str, str]]:
    """What is true of each person, by kind; all in lower case."""
    known: dict[str, dict[str, str]] = {person.name.lower(): {} for person in world.PERSONS}
    for fact in world.FACTS:
        known[fact.person.name.lower()][fact.kind] = fact.value.lower()
    return known
