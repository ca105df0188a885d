"""How much of an answer is opinion rather than report."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from leaven.registry import metric
from leaven.score.sentences import sentences

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_ADVERB = (
    r"(?: (?:really|truly|do|also|just|still|personally|honestly|always|actually|strongly|firmly|very much|certainly))*"
)


@metric(version=1, better=None, unit="share")
def opinion(texts: Sequence[str]) -> list[float | None]:
    """Share of an answer's sentences with a mark of subjective or first-person stance, 0..1; null without a sentence.

    A sentence counts if it holds an adverbial of attitude or style ("sadly", "in my opinion"), a first-person verb or
    adjective of stance ("I believe", "we are glad"), or a word that judges ("terrible"). The lexicon is ours, after
    Biber and Finegan (1988, 1989), with strongly valenced words of VADER's (``score/lexicons/opinion.txt``). It finds
    marks, not opinions: one that is stated flatly is missed. English only.
    """
    return [_share(sentences(text)) for text in texts]


def _share(said: Sequence[str]) -> float | None:
    return sum(map(takes_a_stance, said)) / len(said) if said else None


def takes_a_stance(sentence: str) -> bool:
    """Say whether a sentence holds a mark of stance."""
    plain = " ".join(sentence.translate(_APOSTROPHES).lower().split())
    return _marks().search(plain) is not None


@functools.cache
def _marks() -> re.Pattern[str]:
    groups = lexicon()
    alone = _any([*groups["adverbials of attitude"], *groups["adverbials of style"], *groups["words that judge"]])
    verbs, adjectives = _any(groups["first-person verbs"]), _any(groups["first-person adjectives"])
    am = r"(?:'m|'re| am| are| was| were| feel| felt)(?: (?:so|very|really|quite|not|pretty|just|also))*"
    return re.compile(rf"\b(?:{alone}|(?:i|we)(?:{_ADVERB} {verbs}|'d {_would(groups)}|{am} {adjectives}))\b")


def _would(groups: Mapping[str, Sequence[str]]) -> str:
    return _any([verb.removeprefix("would ") for verb in groups["first-person verbs"] if verb.startswith("would ")])


def _any(phrases: Sequence[str]) -> str:
    return f"(?:{'|'.join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))})"


def lexicon() -> dict[str, list[str]]:
    """Read the phrases by group from the lexicon's file."""
    text = resources.files("leaven.score").joinpath("lexicons/opinion.txt").read_text(encoding="utf-8")
    groups: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            groups[line.strip("[]")] = phrases = []
        elif line and not line.startswith("#"):
            phrases.append(line)
    return groups
