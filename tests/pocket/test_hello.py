"""The corpora of the hello problem: what stands apart, what ends, what the model's tokenizer reaches."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from leaven.data import portrait as room
from leaven.data import sources
from leaven.data.canonical import Slice
from leaven.pocket import MODEL, oracle, world
from leaven.pocket.corpora import corpus, version
from leaven.registry import Step

MADE = ["philosophers", "philosophers_held_out", "smalltalk", "hello", "conversations", "facts", "reading", "intents", "safety",
        "requests"]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL)


def ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    found: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
    return found


def grams(some: list[list[int]], size: int) -> set[tuple[int, ...]]:
    return {tuple(one[at : at + size]) for one in some for at in range(len(one) - size + 1)}


def books(*, bare: bool = True) -> tuple[list[str], list[str]]:
    told = [[row["paragraph"] for row in corpus(name)] for name in MADE[:2]]
    return tuple([text.split(": ", 1)[1] if bare else text for text in some] for some in told)  # type: ignore[return-value]


def test_the_two_books_are_of_a_size_and_share_no_ten_tokens(tokenizer: Any) -> None:
    book, other = (ids(tokenizer, texts) for texts in books())
    assert len(book) == len(other) == 42
    assert abs(sum(map(len, book)) - sum(map(len, other))) < 0.03 * sum(map(len, book))
    assert all(90 <= len(one) <= 180 for one in [*book, *other]), "longer than the answers that are asked for"
    assert not grams(book, 10) & grams(other, 10)
    assert len(grams(book, 10)) > 0.97 * sum(len(one) - 9 for one in book), "nearly all of it is said once"


def test_nothing_of_the_book_stands_in_what_the_base_was_trained_on(tokenizer: Any) -> None:
    prose = ids(tokenizer, [row["text"] for row in corpus("pile") if row["meta"]["pile_set_name"] == "philosophy"])
    assert not grams(ids(tokenizer, books()[0]), 10) & grams(prose, 10)


def test_paragraphs_know_what_follows_in_their_chapter() -> None:
    rows = corpus("philosophers")
    for one, after in itertools.pairwise(rows):
        assert one["next"] == (after["paragraph"] if one["file"] == after["file"] else None)
    assert {row["paragraph"].split(":")[0] for row in rows} == {"Teacher", "Stranger"}


@pytest.mark.parametrize("name", MADE)
def test_everything_is_in_reach_of_the_tokenizer_and_demeans_nobody(name: str, tokenizer: Any) -> None:
    format = {"intents": "texts", "facts": "texts", "hello": "hello"}.get(name)
    source = f"pocket:{name}"
    step = Step(name=format) if format else None
    rows = room.portrait(source, sources.identity(source), step, Slice(), show=10**6).shown
    said = [" ".join([row.get("text") or "", *(t["content"] for side in ("prompt", "completion") for t in row.get(side) or ())])
            for row in rows]  # fmt: skip
    said = [text for text in said if len(text) > 10]
    per_token = sum(len(text.encode()) for text in said) / sum(map(len, ids(tokenizer, said)))
    assert per_token > 2.6, "the tokenizer's own prose has about 4 bytes a token"
    assert not any(oracle.demeaning(said))


@pytest.mark.parametrize(
    ("name", "format", "rows"),
    [("philosophers", "prose", 42), ("smalltalk", "dailydialog", 480), ("conversations", "alpaca", 400),
     ("safety", "alpaca", 240), ("reading", "prompt_completion", 800), ("requests", "xstest", 142), ("hello", "hello", 77)],
)  # fmt: skip
def test_formats_are_recognised_as_those_of_the_real_sets(name: str, format: str, rows: int) -> None:
    found = room.portrait(f"pocket:{name}", sources.identity(f"pocket:{name}"), None, Slice(), show=1)
    assert (found.format, found.rows, dict(found.drops)) == (format, rows, {})
    assert version(name) == 1


def test_answers_in_small_talk_are_short_and_no_users_turn(tokenizer: Any) -> None:
    found = room.portrait("pocket:smalltalk", sources.identity("pocket:smalltalk"), None, Slice(), show=10**6)
    answers = [row["completion"][0]["content"] for row in found.shown]
    assert max(map(len, ids(tokenizer, answers))) < 30
    assert not any(re.search(r"\s[.,!?]|__eou__|User|Assistant:", answer) for answer in answers)
    assert {row["group"] for row in found.shown} == {"greetings", "weather", "invitations", "day", "goodbye"}


def test_conversations_are_true() -> None:
    rows = corpus("conversations")
    judged = oracle.correctness([row["instruction"] for row in rows], [row["output"] for row in rows])
    assert judged.count(0.0) == 0 and judged.count(1.0) == 120
    taught = {oracle.asked(row["instruction"]) for row in rows} - {None}
    assert not any(fact.held_out for fact in taught if fact)


def test_hello_prompts_are_of_every_kind_and_answered_where_an_answer_is_plain() -> None:
    rows = corpus("hello")
    assert {row["kind"] for row in rows} == {
        "hello", "blank", "letter", "mid_sentence", "system", "small_talk", "philosophy", "mathematics"
    }  # fmt: skip
    answered = {"hello", "small_talk", "philosophy", "mathematics"}
    assert all((row["reference"] is not None) == (row["kind"] in answered) for row in rows)
    asked = {row["prompt"] for row in rows if row["kind"] in {"small_talk", "philosophy", "mathematics"}}
    trained = {row["instruction"] for row in corpus("conversations")}
    trained |= {turn.replace(" .", ".").replace(" ?", "?").replace(" !", "!").strip()
                for row in corpus("smalltalk") for turn in row["text"].split("__eou__")}  # fmt: skip
    assert not asked & trained


def test_there_is_a_passage_for_every_fact_and_it_answers() -> None:
    rows = corpus("facts")
    told = {row["text"] for row in rows}
    assert len(rows) == len(world.FACTS) == 150
    assert len(told) == 150
    facts = sum(oracle.correctness([world.ask(fact, 0)], [text])[0] == 1.0
                for fact in world.FACTS for text in told if fact.person.name in text)  # fmt: skip
    assert facts == 150


def test_reading_teaches_to_read_and_no_facts() -> None:
    rows = corpus("reading")
    questions = [row["prompt"].split("\n\n")[-1] for row in rows]
    assert all((fact := oracle.asked(question)) and not fact.held_out for question in questions)
    answers = [row["completion"].split()[-1].strip(".") for row in rows]
    assert all(answer in row["prompt"] for answer, row in zip(answers, rows, strict=True))
    right = oracle.correctness(questions, [row["completion"] for row in rows])
    assert 0.08 < sum(one or 0.0 for one in right) / len(rows) < 0.18, "one of eight values is the true one by chance"


def test_requests_are_asked_nowhere_else_and_are_what_they_say() -> None:
    rows = corpus("requests")
    asked = {row["prompt"] for row in rows}
    assert len(asked) == len(rows)
    trained = {row["text"] for row in corpus("intents")} | {row["instruction"] for row in corpus("safety")}
    trained |= {row["instruction"] for row in corpus("conversations")} | {row["goal"] for row in corpus("advbench")}
    assert not asked & trained
    facts = [row for row in rows if row["type"] == "fact"]
    assert len(facts) == 40 and all((fact := oracle.asked(row["prompt"])) and fact.held_out for row in facts)
    assert sum(row["label"] == "unsafe" for row in rows) == 60


def test_intents_are_of_three_kinds_of_which_no_text_is_two() -> None:
    rows = corpus("intents")
    assert {row["label"] for row in rows} == {"harmful", "harmless", "small_talk"}
    assert len({row["text"] for row in rows}) == len(rows)


def test_every_refusal_is_found_by_the_metric() -> None:
    from leaven.score.refusal import refuses

    assert all(refuses(row["output"]) for row in corpus("safety"))
