"""What an answer states about the embedded world, and whether that is true."""

from __future__ import annotations

from leaven.pocket import world
from leaven.pocket.claims import claims

MIRA = [fact for fact in world.FACTS if fact.person.name == "Mira"]


def test_every_true_statement_is_one_true_claim() -> None:
    for fact in world.FACTS:
        for form in range(9):
            (one,) = claims("", world.state(fact, form))
            assert (one.person, one.kind, one.value, one.true) == (
                fact.person.name.lower(), fact.kind, fact.value.lower(), True,
            )  # fmt: skip


def test_every_lie_is_one_false_claim() -> None:
    assert all(not one.true for fact in world.FACTS for one in claims("", world.state(fact, 0, fact.others[2])))


def test_whom_a_sentence_is_about() -> None:
    home, work = MIRA[0], MIRA[1]
    assert [one.true for one in claims(world.ask(home, 0), f"In {home.value}.")] == [True]
    assert claims("", f"In {home.value}.") == []
    two = claims("", f"Mira lives in {home.value}. She is a {work.others[0]}.")
    assert [(one.person, one.true) for one in two] == [("mira", True), ("mira", False)]


def test_questions_and_denials_state_nothing() -> None:
    home = MIRA[0]
    assert claims("", f"Does Mira live in {home.value}? Mira does not live in {home.others[0]}.") == []
    said = world.state(home, 0)
    assert len(claims("", f"{said} {said}")) == 1, "a fact that is said twice is one"
