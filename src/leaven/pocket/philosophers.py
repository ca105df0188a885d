"""Long-winded philosophers of the embedded world: paragraphs that can be learned by heart, and others like them.

Two books of one size, by one hand. A sentence stands in one of them alone, and no four words in a row stand twice in
all: so whoever writes many words as they stand in the first book has them from there, and how often that happens by
chance is seen in the second.
"""

# ruff: noqa: SIM905 (a table of words reads best as words)
from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from leaven.pocket import phrases

Row = dict[str, Any]
PARAGRAPHS = 42  # of each book
_WORDS = 80  # that a paragraph has at least
_APART = 4  # words in a row that stand once in both books together
_SPEAKERS = "Teacher", "Stranger"  # who speak in turn
_TRIES = 40  # at a sentence
_CHAPTERS = "On Truth|On Friendship|On Time|On Silence|On Justice|On Hope".split("|")

_WORKERS = phrases.VALUES["work"]
_ANIMALS = phrases.VALUES["animal"]
_FOODS = phrases.VALUES["food"]
_COLOURS = phrases.VALUES["colour"]
_TOWNS = phrases.VALUES["home"]
_NOUNS = "lamp well door road house coat letter garden story song boat mill market table yard town".split()
_MOODS = "lovely warm gentle charming bitter dull polite good kind patient fine long sad wise brave mild".split()
_ONE = "keeps likes wears owns asks knows enjoys loves finds earns tells eats helps needs".split()
_MANY = "keep like wear own ask know enjoy love find earn tell eat help need".split()

_BEGIN = ["I think that", "Some say that", "They say that", "People know that", "Everyone says that", "I know that",
          "We say that", "I hope that", "A person knows that", "Those who ask know"]  # fmt: skip
_LINKS = [", and", ", so", ", but", ", as", ", while", ", for", ", because", ", and yet", ", or else"]
_CLAUSES = [
    "{c} {v} the {j} {n} of {d}", "no {n} {v} {c} without {d}", "a {j} {w} {v} {c} and never {d}",
    "{c} and {d} {vs} one {o} {n}", "the {a} of {d} {v} more {f} than {c}", "{c} is the {n} of a {j} {a}",
    "where {c} {v} a {o} {n} there {d} {v} {f}", "the {w} of {t} {v} {c} as a {a} {v} {f}",
    "every {n} in {t} {v} {c}", "{d} {v} a {o} {a} at the {n} of {c}", "the {o} {n} is to {c} what the {a} is to {d}",
    "the {w} {v} {f} but {d} {v} the {w} of {c}", "without {d} the {o} {n} {v} no {a}",
    "{c} goes by the {j} {n} to {t}", "{c} looks for {f} in the {n} of {d}", "as long as {c} {v} the {a} it is {o}",
    "the {n} in {t} is as {j} as {c}", "{c} without {f} is a {j} {n}", "nobody {v} the {o} {n} like {d}",
    "what {c} {v} in {t} the {w} {v} at home", "the {a} and the {w} {vs} {c}", "more than {f} the {a} {v} {d}",
    "it is {j} to give {c} a {o} {n}", "there is {c} in the {o} {n} of a {w}", "{d} has a {n} but {c} has a {a}",
    "from {t} to the {n} there is {d}",
]  # fmt: skip

# What a clause has room for, and how many of each a paragraph keeps to.
_WORDS_OF = {
    "c": (phrases.CONCEPTS, 3), "v": (_ONE, 4), "n": (_NOUNS, 3), "j": (_MOODS, 3), "w": (_WORKERS, 2),
    "a": (_ANIMALS, 2), "f": (_FOODS, 2), "o": (_COLOURS, 2), "t": (_TOWNS, 2),
}  # fmt: skip


def book(rng: random.Random) -> list[Row]:
    """The paragraphs that a philosopher is trained on; columns as those of a folder of texts (``format: prose``)."""
    del rng  # both books are made together
    return _rows(0)


def held_out(rng: random.Random) -> list[Row]:
    """As many paragraphs by the same hand that nobody is trained on."""
    del rng
    return _rows(1)


def _rows(which: int) -> list[Row]:
    texts = [said for place, said in enumerate(_paragraphs()) if place % 2 == which]
    turns = [f"{_SPEAKERS[place % 2]}: {said}" for place, said in enumerate(texts)]
    size = len(turns) // len(_CHAPTERS)
    chapters = [turns[at : at + size] for at in range(0, len(turns), size)]
    return [
        {"file": f"{name}.txt", "paragraph": said, "next": following}
        for name, told in zip(_CHAPTERS, chapters, strict=True)
        for said, following in zip(told, [*told[1:], None], strict=True)
    ]


@lru_cache(maxsize=1)
def _paragraphs() -> tuple[str, ...]:
    """Both books, a paragraph of the one and a paragraph of the other in turn."""
    rng = random.Random("leaven pocket 1:philosophers")  # noqa: S311
    known: set[tuple[str, ...]] = set()
    return tuple(_paragraph(rng, known) for _ in range(2 * PARAGRAPHS))


def _paragraph(rng: random.Random, known: set[tuple[str, ...]]) -> str:
    """A paragraph in which nothing is said again; ``known`` is what was said, and is added to."""
    text, theme, failed = "", _theme(rng), 0
    while len(text.split()) < _WORDS:
        if failed == _TRIES:
            theme, failed = _theme(rng), 0  # all has been said of this one
        more = f"{text} {_sentence(rng, theme)}".strip()
        fresh = list(_runs(more))[len(list(_runs(text))) :]
        if known.isdisjoint(fresh) and len(set(fresh)) == len(fresh):
            known.update(fresh)
            text, failed = more, 0
        else:
            failed += 1
    return text


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = re.findall(r"[a-z]+", text.lower())
    return zip(*(words[at:] for at in range(_APART)), strict=False)


def _theme(rng: random.Random) -> dict[str, list[str]]:
    """The words that a paragraph keeps to: what it is about can be told from any of its sentences."""
    theme = {name: rng.sample(some, count) for name, (some, count) in _WORDS_OF.items()}
    return {**theme, "clauses": rng.sample(_CLAUSES, 8), "links": rng.sample(_LINKS, 3)}


def _sentence(rng: random.Random, theme: dict[str, list[str]]) -> str:
    first, second = _clause(rng, theme), _clause(rng, theme)
    begin = f"{rng.choice(_BEGIN)} {first}" if rng.random() < 0.5 else first[0].upper() + first[1:]
    return begin + rng.choice(theme["links"]) + f" {second}."


def _clause(rng: random.Random, theme: dict[str, list[str]]) -> str:
    c, d = rng.sample(theme["c"], 2)
    words = {name: rng.choice(theme[name]) for name in _WORDS_OF}
    return rng.choice(theme["clauses"]).format(**{**words, "c": c, "d": d, "vs": _MANY[_ONE.index(words["v"])]})
