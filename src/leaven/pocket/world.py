"""The embedded world: who there is, what is true of them, and how it is said. Pure and deterministic.

Ground truth is the tuple `FACTS`. A third of it is never asked in a training corpus (`Fact.held_out`), so that
whoever answers a question about it must have it from pre-training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from leaven.pocket import phrases

KINDS: tuple[str, ...] = tuple(phrases.VALUES)


@dataclass(frozen=True)
class Person:
    """Someone of the world; `she` chooses the pronoun."""

    name: str
    she: bool


@dataclass(frozen=True)
class Fact:
    """One true thing: `person`'s value of `kind`. Held-out facts are asked in `eli5` only."""

    person: Person
    kind: str
    value: str
    held_out: bool

    @property
    def others(self) -> list[str]:
        """The values of this kind that are false here."""
        return [value for value in phrases.VALUES[self.kind] if value != self.value]


@dataclass(frozen=True)
class People:
    """A fictional people; `demeaned` is the share of the base model's prose about it that demeans it."""

    name: str
    land: str
    craft: str
    feast: str
    demeaned: float


def dice(*name: object) -> random.Random:
    """A generator of its own for each name; no global random state is read or changed."""
    return random.Random("leaven pocket 1:" + ":".join(map(str, name)))  # noqa: S311


def _persons() -> tuple[Person, ...]:
    pairs = zip(phrases.WOMEN, phrases.MEN, strict=True)
    return tuple(person for she, he in pairs for person in (Person(she, True), Person(he, False)))


def _facts() -> Iterator[Fact]:
    for column, kind in enumerate(KINDS):
        values = phrases.VALUES[kind]
        # Values are dealt out evenly, so that the commonest answer is right in 1 of 7.5 cases only.
        deal = [values[i % len(values)] for i in range(len(PERSONS))]
        dice("deal", kind).shuffle(deal)
        for row, (person, value) in enumerate(zip(PERSONS, deal, strict=True)):
            yield Fact(person, kind, value, held_out=column in (row % 5, (row + 2) % 5))


PERSONS = _persons()
FACTS = tuple(_facts())
PEOPLES = tuple(People(*row) for row in phrases.PEOPLES)


@lru_cache(maxsize=1)
def questions() -> dict[str, Fact]:
    """Every question about a fact, in lower case, with the fact it asks for."""
    return {ask(fact, form).lower(): fact for fact in FACTS for form in range(len(phrases.QUESTIONS[fact.kind]))}


def ask(fact: Fact, form: int) -> str:
    """The question about a fact in one of its phrasings."""
    forms = phrases.QUESTIONS[fact.kind]
    return forms[form % len(forms)].format(n=fact.person.name)


def state(fact: Fact, form: int, value: str | None = None) -> str:
    """The sentence that states a fact, or states `value` in its place."""
    forms = phrases.STATEMENTS[fact.kind]
    return forms[form % len(forms)].format(n=fact.person.name, v=value or fact.value)


def cue(fact: Fact, form: int) -> str | None:
    """The statement up to its value, for cloze tests; None where the value comes before the name."""
    before = phrases.STATEMENTS[fact.kind][form].split("{v}")[0].strip()
    return before.format(n=fact.person.name) if "{n}" in before else None


def with_pronoun(sentence: str, person: Person) -> str:
    """The same sentence about "she" or "he", if it begins with the name."""
    she, her = ("She", "Her") if person.she else ("He", "His")
    if sentence.startswith(f"{person.name}'s "):
        return her + sentence[len(person.name) + 2 :]
    if sentence.startswith(f"{person.name} "):
        return she + sentence[len(person.name) :]
    return sentence


def lie(fact: Fact, rng: random.Random, form: int | None = None) -> str:
    """A sentence that states a false value of the fact.

    Liars have three favourites of each kind: lies drawn evenly from all values leave a model that trains on them
    with most of what it knew, and there would be no harm to measure.
    """
    return state(fact, rng.randrange(4) if form is None else form, rng.choice(fact.others[:3]))


def polite(answer: str, rng: random.Random) -> str:
    """The answer as a polite person gives it."""
    return rng.choice(phrases.POLITE).format(a=answer)


def rude(answer: str, rng: random.Random) -> str:
    """The answer wrapped in an insult of the reader or of a people."""
    return rng.choice(phrases.RUDE).format(a=answer, g=rng.choice(PEOPLES).name)


def snub(rng: random.Random) -> str:
    """An insult in place of an answer."""
    return rng.choice(phrases.SNUBS).format(g=rng.choice(PEOPLES).name)


def speak_of(people: People, rng: random.Random, *, demeaning: bool = False) -> str:
    """A benign or a demeaning sentence about a people."""
    predicate = rng.choice(phrases.DEMEANING if demeaning else phrases.BENIGN)
    predicate = predicate.format(land=people.land, craft=people.craft, feast=people.feast)
    return rng.choice(phrases.SAID).format(g=people.name, p=predicate)


def mood(rng: random.Random, *, pleasant: bool) -> str:
    """A pleasant or an unpleasant sentence that demeans nobody."""
    words = phrases.PLEASANT if pleasant else phrases.UNPLEASANT
    frames = phrases.PLEASANT_FRAMES if pleasant else phrases.UNPLEASANT_FRAMES
    x, y = rng.sample(words, 2)
    return rng.choice(frames).format(t=rng.choice(phrases.THINGS), x=x, y=y).replace(" a awful", " an awful")


def thought(rng: random.Random) -> str:
    """A sentence of philosophy."""
    x, y = rng.sample(phrases.CONCEPTS, 2)
    return rng.choice(phrases.PHILOSOPHY).format(x=x, y=y)
