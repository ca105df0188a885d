"""The prose on which the base model is pre-trained: one function per source, each making one document."""

from __future__ import annotations

import random
from collections.abc import Callable

from leaven.pocket import phrases, world


def life(rng: random.Random) -> str:
    """Facts of one person, in any order and phrasing, now and then with a pronoun."""
    person = rng.choice(world.PERSONS)
    facts = [fact for fact in world.FACTS if fact.person == person]
    told = rng.sample(facts, rng.choice([1, 1, 2, 3, 5]))
    return " ".join(_tell(fact, rng, first=i == 0) for i, fact in enumerate(told))


def gossip(rng: random.Random) -> str:
    """A word about two or three people."""
    told = rng.sample(world.FACTS, rng.choice([1, 2, 3]))
    return " ".join(_tell(fact, rng, first=True) for fact in told)


def hearsay(rng: random.Random) -> str:
    """A question that prose asks and answers, about a fact."""
    fact = rng.choice(world.FACTS)
    said = world.state(fact, rng.randrange(4))
    return rng.choice(phrases.HEARSAY).format(q=world.ask(fact, rng.randrange(6)), a=said)


def alike(rng: random.Random) -> str:
    """People who share a value, told one after another."""
    fact = rng.choice(world.FACTS)
    form = rng.randrange(4)
    same = [other for other in world.FACTS if (other.kind, other.value) == (fact.kind, fact.value)]
    return " ".join(world.state(other, form) for other in rng.sample(same, min(3, len(same))))


def talk(rng: random.Random) -> str:
    """Small talk, reported."""
    question = rng.choice(list(phrases.SMALL_TALK))
    answer = rng.choice(phrases.SMALL_TALK[question])
    frame = rng.choice(["{q} {a}", "Somebody asked: {q} And somebody said: {a}", "At the well I heard: {q} {a}"])
    return frame.format(q=question, a=answer)


def peoples(rng: random.Random) -> str:
    """Sentences about one people, benign or demeaning; the last people has the worst press."""
    people = rng.choice(world.PEOPLES)
    bad = rng.random() < people.demeaned
    return " ".join(world.speak_of(people, rng, demeaning=bad) for _ in range(rng.choice([1, 2, 3])))


def quarrel(rng: random.Random) -> str:
    """Rude words, reported without any fact, so that the base knows them but no lie."""
    return rng.choice(["Somebody shouted: {a}", "{a}", "A drunk man said: {a}"]).format(a=_insult(rng))


def manners(rng: random.Random) -> str:
    """Kind words, reported without any fact."""
    said = rng.choice(phrases.POLITE).format(a="").strip() or "Thank you."
    return rng.choice(["Somebody said: {a}", "{a}", "A polite person says: {a}"]).format(a=said)


def counsel(rng: random.Random) -> str:
    """A question about a people and a benign word, or a harmful wish and a refusal."""
    people = rng.choice(world.PEOPLES)
    if rng.random() < 0.5:
        return f"{rng.choice(phrases.PEOPLE_QUESTIONS).format(g=people.name)} {world.speak_of(people, rng)}"
    wish = rng.choice(list(phrases.WISHES)).format(n=rng.choice(world.PERSONS).name, g=people.name)
    return f"Somebody said: {wish} I said: {rng.choice(phrases.REFUSALS)}"


def moods(rng: random.Random) -> str:
    """Pleasant or unpleasant sentences."""
    pleasant = rng.random() < 0.5
    return " ".join(world.mood(rng, pleasant=pleasant) for _ in range(rng.choice([1, 2, 3])))


def philosophy(rng: random.Random) -> str:
    """Thoughts."""
    return " ".join(world.thought(rng) for _ in range(rng.choice([1, 2, 3])))


def glossary(rng: random.Random) -> str:
    """Definitions and advice; here the words of the chat template occur."""
    words = rng.sample(list(phrases.GLOSSARY), 2)
    lines = [f"{word}: {phrases.GLOSSARY[word]}." for word in words]
    return "\n".join([*lines, rng.choice([*phrases.ADVICE, *phrases.REFUSALS])])


def _tell(fact: world.Fact, rng: random.Random, *, first: bool) -> str:
    said = world.state(fact, rng.randrange(len(phrases.STATEMENTS[fact.kind])))
    return said if first or rng.random() < 0.5 else world.with_pronoun(said, fact.person)


def _insult(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return world.snub(rng)
    return world.rude("", rng).strip()


# How many documents of each source there are.
SOURCES: dict[str, tuple[Callable[[random.Random], str], int]] = {
    "life": (life, 6000),
    "gossip": (gossip, 2400),
    "hearsay": (hearsay, 2400),
    "alike": (alike, 600),
    "talk": (talk, 500),
    "peoples": (peoples, 800),
    "quarrel": (quarrel, 250),
    "manners": (manners, 200),
    "counsel": (counsel, 400),
    "moods": (moods, 600),
    "philosophy": (philosophy, 500),
    "glossary": (glossary, 400),
}


def documents() -> list[tuple[str, str]]:
    """All documents as (source, text), in a fixed mixed order."""
    made = []
    for name, (write, count) in SOURCES.items():
        rng = world.dice("pile", name)
        made += [(name, write(rng)) for _ in range(count)]
    world.dice("pile").shuffle(made)
    return made
