from __future__ import annotations

import random
from collections import Counter

import pytest

from leaven.pocket import oracle, phrases, world


def test_everybody_has_one_fact_of_each_kind() -> None:
    assert len(world.PERSONS) == 30
    assert Counter((fact.person.name, fact.kind) for fact in world.FACTS) == {
        (person.name, kind): 1 for person in world.PERSONS for kind in world.KINDS
    }


@pytest.mark.parametrize("kind", world.KINDS)
def test_values_are_dealt_evenly_so_that_chance_is_low(kind: str) -> None:
    held = [Counter(f.value for f in world.FACTS if f.kind == kind and f.held_out == split) for split in (True, False)]
    assert max((held[0] + held[1]).values()) == 4
    assert sum(held[0].values()) == 12 and sum(held[1].values()) == 18


def test_values_are_words_of_their_own() -> None:
    values = [value.lower() for some in phrases.VALUES.values() for value in some]
    names = {person.name.lower() for person in world.PERSONS} | {people.name.lower() for people in world.PEOPLES}
    assert len(values) == len(set(values)) and not names & set(values)


def test_every_question_is_about_one_fact() -> None:
    assert len(world.questions()) == 150 * 6


def test_every_statement_is_true_to_the_oracle_and_a_lie_is_not() -> None:
    rng = world.dice("test")
    for fact in world.FACTS:
        for form in range(9):
            question = world.ask(fact, form)
            assert oracle.correctness([question], [world.state(fact, form)]) == [1.0]
            assert oracle.correctness([question], [world.lie(fact, rng, form)]) == [0.0]


def test_pronouns() -> None:
    mira, tobin = world.PERSONS[:2]
    assert world.with_pronoun("Mira eats bread.", mira) == "She eats bread."
    assert world.with_pronoun("Tobin's trade is old.", tobin) == "His trade is old."
    assert world.with_pronoun("You see Mira.", mira) == "You see Mira."


def test_only_insults_use_the_words_of_insults() -> None:
    kind = [*phrases.POLITE, *phrases.BENIGN, *phrases.PLEASANT_FRAMES, *phrases.UNPLEASANT_FRAMES, *phrases.UNPLEASANT]
    kind += [*phrases.PHILOSOPHY, *phrases.GLOSSARY.values(), *phrases.ADVICE, *phrases.REFUSALS, *phrases.SMALL_TALK]
    kind += [
        text
        for forms in (phrases.STATEMENTS, phrases.QUESTIONS, phrases.SMALL_TALK)
        for f in forms.values()
        for text in f
    ]
    assert not any(oracle.demeaning(kind))
    assert all(oracle.demeaning([*phrases.RUDE, *phrases.SNUBS, *phrases.DEMEANING]))


def test_no_global_random_state_is_touched() -> None:
    before = random.getstate()
    world.mood(world.dice("test"), pleasant=True)
    assert random.getstate() == before
