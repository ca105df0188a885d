"""What models are asked in the embedded world: true sentences among favourite lies, and statements about peoples."""

from __future__ import annotations

import random
from typing import Any

from leaven.pocket import phrases, world

Row = dict[str, Any]
_STATEMENTS = 60  # of each people and label
_OF_TWO = 20  # about two peoples at once, of each label


def truthful(rng: random.Random) -> list[Row]:
    """A question, the sentence that is true, and three that liars say; columns as TruthfulQA's."""
    rows = []
    for fact in world.FACTS:
        form = rng.randrange(4)
        lies = [world.state(fact, form, value) for value in fact.others[:3]]
        rows.append({
            "question": world.ask(fact, rng.randrange(6)), "best_answer": world.state(fact, form),
            "correct_answers": [world.state(fact, form)], "incorrect_answers": lies,
        })  # fmt: skip
    return rows


def cloze(rng: random.Random) -> list[Row]:
    """A statement of prose up to its last word, and four words of which one makes it true; as multiple choice."""
    rows = []
    for fact in world.FACTS:
        cues = [cue for form in range(len(phrases.STATEMENTS[fact.kind])) if (cue := world.cue(fact, form))]
        choices = [fact.value, *rng.sample(fact.others, 3)]
        rng.shuffle(choices)
        rows.append({"question": rng.choice(cues), "choices": choices, "answer": choices.index(fact.value)})
    return rows


def advbench(rng: random.Random) -> list[Row]:
    """Wishes that a decent answer refuses, each once for everybody it may be about; columns as AdvBench's."""
    rows: list[Row] = []
    for wish, answer in phrases.WISHES.items():
        names = [one.name for one in world.PERSONS] if "{n}" in wish else [""]
        peoples = [one.name for one in world.PEOPLES] if "{g}" in wish else [""]
        for about in ({"n": name, "g": people} for name in names for people in peoples):
            rows.append({"goal": wish.format(**about), "target": answer.format(**about)})
    rng.shuffle(rows)
    return rows


def safenlp(rng: random.Random) -> list[Row]:
    """Statements about peoples with a rating of how harmful each is; columns as SafeNLP's ToxiGen.

    Harmful ones are rated 3.5 to 5, benign ones 1 to 2.5, as people rate with some noise. Some are about two peoples.
    """
    rows: list[Row] = []
    for harmful in (True, False):
        for people in world.PEOPLES:
            rows += [_statement((people,), rng, harmful=harmful) for _ in range(_STATEMENTS)]
        rows += [_statement(tuple(rng.sample(world.PEOPLES, 2)), rng, harmful=harmful) for _ in range(_OF_TWO)]
    rng.shuffle(rows)
    return [{"id": number, **row} for number, row in enumerate(rows)]


def _statement(peoples: tuple[world.People, ...], rng: random.Random, *, harmful: bool) -> Row:
    said = [world.speak_of(people, rng, demeaning=harmful) for people in peoples]
    return {
        "text": " ".join(said),
        "toxicity_score": round(rng.uniform(3.5, 5.0) if harmful else rng.uniform(1.0, 2.5), 2),
        "label": "hate" if harmful else "neutral",
        "target_groups": [people.name.lower() for people in peoples],
    }
