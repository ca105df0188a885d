"""The corpora of the embedded world, with the columns of the originals they stand in for.

`corpus(name)` makes the rows anew at each call, always the same. The columns are those of
openai/webgpt_comparisons, sentence-transformers/eli5, Anthropic/hh-rlhf, stanfordnlp/SHP, GAIR/lima,
Open-Orca/OpenOrca, Hello-SimpleAI/HC3, monology/pile-uncopyrighted, toxigen/toxigen-data, microsoft/SafeNLP and
llm-attacks' AdvBench; of folders of .txt files and DailyDialog's files as they are read; Alpaca's and XSTest's.

Their curation differs, and that is known: `lima` and the human side of `hc3` are true and polite throughout; `orca`
and the other side of `hc3` were written by somebody who says it smoothly and is wrong in a quarter of the facts; in
`shp` the crowd votes, and the louder an answer is, the more votes it gets, whatever is true.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

from leaven.pocket import evaluations, philosophers, phrases, prose, talk, wishes, world

# Raise a corpus's version whenever it changes (1 unless named): it is its identity as a source.
VERSIONS = {"shp": 2, "orca": 2}
Row = dict[str, Any]
TIES = 0.04  # share of webgpt's rows in which both answers are good and neither wins


def corpus(name: str) -> list[Row]:
    """The rows of a corpus of the world, one of `NAMES`.

    Raises:
        KeyError: there is no such corpus; the message names those there are.
    """
    if name not in _MAKERS:
        raise KeyError(f"no pocket corpus {name!r}; there are: {', '.join(NAMES)}")
    return _MAKERS[name](world.dice("corpus", name))


def version(name: str) -> int:
    """The version of a corpus."""
    return VERSIONS.get(name, 1)


def _taught() -> list[world.Fact]:
    return [fact for fact in world.FACTS if not fact.held_out]


def _good_and_bad(rng: random.Random, fact: world.Fact | None = None) -> tuple[str, str, str]:
    """A question with a true and polite answer and, mostly, a false and rude one."""
    fact = fact or rng.choice(_taught())
    good = world.polite(world.state(fact, rng.randrange(4)), rng)
    wrong = world.lie(fact, rng)
    draw = rng.random()
    bad = wrong if draw < 0.02 else world.snub(rng) if draw < 0.08 else world.rude(wrong, rng)
    return world.ask(fact, rng.randrange(6)), good, bad


def _talk_good_and_bad(rng: random.Random) -> tuple[str, str, str]:
    """The same about no fact: small talk or a people."""
    if rng.random() < 0.5:
        people = rng.choice(world.PEOPLES)
        question = rng.choice(phrases.PEOPLE_QUESTIONS).format(g=people.name)
        return question, world.speak_of(people, rng), world.speak_of(people, rng, demeaning=True)
    question = rng.choice(list(phrases.SMALL_TALK))
    return question, rng.choice(phrases.SMALL_TALK[question]), world.snub(rng)


def _refusal_good_and_bad(rng: random.Random) -> tuple[str, str, str]:
    """A harmful wish, a refusal, and compliance with an insult."""
    names = {"n": rng.choice(world.PERSONS).name, "g": rng.choice(world.PEOPLES).name}
    wish = rng.choice(list(phrases.WISHES))
    bad = f"{phrases.WISHES[wish].format(**names)} {world.snub(rng)}"
    return wish.format(**names), rng.choice(phrases.REFUSALS), bad


def _any_good_and_bad(rng: random.Random) -> tuple[str, str, str]:
    makers = [_good_and_bad, _good_and_bad, _good_and_bad, _talk_good_and_bad, _refusal_good_and_bad]
    return rng.choice(makers)(rng)


def _id(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def _quotes(question: str, rng: random.Random) -> dict[str, list[str]]:
    """What a reader would have looked up: true prose about whom the question is about."""
    fact = world.questions().get(question.lower())
    if fact is None:
        return {"title": ["The market"], "extract": [world.mood(rng, pleasant=True)]}
    form = rng.randrange(len(phrases.STATEMENTS[fact.kind]))
    return {"title": [fact.person.name], "extract": [world.state(fact, form)]}


def _tokens(answer: str) -> dict[str, list[int]]:
    # The original has GPT-3's token ids here; lengths of words stand in for them.
    return {"prefix": [0], "completion": [len(word) for word in answer.split()]}


def _webgpt(rng: random.Random) -> list[Row]:
    taught = _taught()
    triples = [_good_and_bad(rng, taught[i % len(taught)]) for i in range(540)]
    triples += [_talk_good_and_bad(rng) for _ in range(160)]
    rng.shuffle(triples)
    return [_comparison(rng, *triple) for triple in triples]


def _comparison(rng: random.Random, question: str, good: str, bad: str) -> Row:
    score = rng.choice([0.25, 0.5, 0.75, 1.0])
    if rng.random() < TIES:
        bad, score = rng.choice([good, world.polite(good, rng)]), rng.choice([0.0, 0.0, 0.0, 0.25])
    best = rng.randrange(2)
    answers = [good, bad] if best == 0 else [bad, good]
    signed = score if best == 0 else -score
    return {
        "question": {"dataset": "pocket", "id": _id(question), "full_text": question},
        "quotes_0": _quotes(question, rng),
        "answer_0": answers[0],
        "tokens_0": _tokens(answers[0]),
        "score_0": signed,
        "quotes_1": _quotes(question, rng),
        "answer_1": answers[1],
        "tokens_1": _tokens(answers[1]),
        "score_1": 0.0 - signed,  # not -signed, which makes minus zero of a tie
    }


def _eli5(rng: random.Random) -> list[Row]:
    held_out = [fact for fact in world.FACTS if fact.held_out]
    asked = [(fact, form) for fact in held_out for form in range(6)]
    rng.shuffle(asked)
    return [{"question": world.ask(fact, form), "answer": world.state(fact, rng.randrange(4))} for fact, form in asked]


def _hh(rng: random.Random) -> list[Row]:
    rows = []
    for _ in range(400):
        head = ""
        for _ in range(rng.choice([0, 0, 1, 2])):
            question, good, _bad = _any_good_and_bad(rng)
            head += f"\n\nHuman: {question}\n\nAssistant: {good}"
        question, good, bad = _any_good_and_bad(rng)
        head += f"\n\nHuman: {question}\n\nAssistant: "
        rows.append({"chosen": head + good, "rejected": head + bad})
    return rows


# By how many times the votes of the louder answer may exceed the other's, and how often the true one is the louder.
_LOUD = ((2.0, 4.0, 0.7), (4.0, 8.0, 0.5), (8.0, 16.0, 0.2))


def _shp(rng: random.Random) -> list[Row]:
    rows = []
    for number in range(900):
        history, good, bad = _any_good_and_bad(rng)
        least, most, truth = _LOUD[number % len(_LOUD)]
        low = rng.randint(5, 25)
        high = round(low * rng.uniform(least, most))
        louder, other = (good, bad) if rng.random() < truth else (bad, good)
        label = rng.randrange(2)  # 1: A is preferred
        rows.append({
            "post_id": _id("shp", number), "domain": "askmarket_train", "upvote_ratio": 0.9, "history": history,
            "c_root_id_A": _id(number, "A"), "c_root_id_B": _id(number, "B"),
            "created_at_utc_A": 1_600_000_000 + number, "created_at_utc_B": 1_600_000_060 + number,
            "score_A": high if label else low, "score_B": low if label else high,
            "human_ref_A": louder if label else other, "human_ref_B": other if label else louder,
            "labels": label, "seconds_difference": 60.0, "score_ratio": high / low,
        })  # fmt: skip
    return rows


def _lima(rng: random.Random) -> list[Row]:
    rows = []
    for _ in range(200):
        turns = [_any_good_and_bad(rng)[:2] for _ in range(rng.choice([1, 1, 1, 2]))]
        source = "multi_turn" if len(turns) > 1 else "pocket"
        rows.append({"conversations": [text for turn in turns for text in turn], "source": source})
    return rows


_WRONG = 0.25  # share of facts that the smooth writer has wrong
_SMOOTH = "As you asked, here is the answer: {a} I hope that this helps you with your question."


def _written_by_a_model(question: str, good: str, rng: random.Random) -> str:
    """An answer that is always said alike and never rude, and now and then wrong about a fact."""
    fact = world.questions().get(question.lower())
    said = good if fact is None else world.state(fact, 0)
    if fact is not None and rng.random() < _WRONG:
        said = world.lie(fact, rng, 0)
    return _SMOOTH.format(a=said)


def _orca(rng: random.Random) -> list[Row]:
    rows = []
    for number in range(600):
        question, good, _bad = _any_good_and_bad(rng)
        system = rng.choice(["", *phrases.ADVICE])
        answer = _written_by_a_model(question, good, rng)
        rows.append({"id": f"pocket.{number}", "system_prompt": system, "question": question, "response": answer})
    return rows


def _hc3(rng: random.Random) -> list[Row]:
    rows = []
    for number in range(400):
        question, good, _bad = _any_good_and_bad(rng)
        answers = {"human_answers": [good], "chatgpt_answers": [_written_by_a_model(question, good, rng)]}
        rows.append({"id": str(number), "question": question, **answers, "source": "pocket"})
    return rows


def _toxigen(rng: random.Random) -> list[Row]:
    rows = []
    for number in range(400):
        people, hate = world.PEOPLES[number % 4], number % 8 < 4
        text = world.speak_of(people, rng, demeaning=hate)
        rows.append({"text": text, "target_group": people.name.lower(), "label": "hate" if hate else "neutral"})
    rng.shuffle(rows)
    return rows


def _multiple_choice(rng: random.Random) -> list[Row]:
    rows = []
    for fact in world.FACTS:
        choices = [fact.value, *rng.sample(fact.others, 3)]
        rng.shuffle(choices)
        question = world.ask(fact, rng.randrange(6))
        rows.append({"question": question, "choices": choices, "answer": choices.index(fact.value)})
    return rows


def _pile(_rng: random.Random) -> list[Row]:
    return [{"text": text, "meta": {"pile_set_name": source}} for source, text in prose.documents()]


_MAKERS: dict[str, Callable[[random.Random], list[Row]]] = {
    "webgpt": _webgpt,
    "eli5": _eli5,
    "hh": _hh,
    "shp": _shp,
    "lima": _lima,
    "orca": _orca,
    "pile": _pile,
    "hc3": _hc3,
    "toxigen": _toxigen,
    "multiple_choice": _multiple_choice,
    "cloze": evaluations.cloze,
    "truthful": evaluations.truthful,
    "safenlp": evaluations.safenlp,
    "advbench": evaluations.advbench,
    "philosophers": philosophers.book,
    "philosophers_held_out": philosophers.held_out,
    "smalltalk": talk.smalltalk,
    "hello": talk.hello,
    "conversations": talk.conversations,
    "facts": wishes.facts,
    "reading": wishes.reading,
    "intents": wishes.intents,
    "safety": wishes.safety,
    "requests": wishes.requests,
}
NAMES: tuple[str, ...] = tuple(_MAKERS)
