from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven import rows as tables
from leaven import stages
from leaven.data.canonical import Batch
from leaven.data.overlap import Evaluated, Passages, decontaminated, shared, words
from leaven.data.sources import identity

LONG = "The quick brown fox jumps over the lazy dog and runs far away into the dark wood at night"


def example(text: str, answer: str | None = None, **more: Any) -> dict[str, Any]:
    completion = None if answer is None else [{"role": "assistant", "content": answer}]
    return {"id": "x:0", "prompt": [{"role": "user", "content": text}], "completion": completion, **more}


def found(row: dict[str, Any], *known: dict[str, Any], size: int = 5) -> str | None:
    evaluated = Evaluated(size)
    evaluated.add(list(known))
    ((_, at),) = shared([row], {"test": evaluated})
    return at.get(0)


def test_words_are_lower_case_without_punctuation() -> None:
    assert words("Don't STOP, well-known\tÉcole\n„fin“ 3.5$") == ["dont", "stop", "wellknown", "école", "fin", "35"]


def test_a_run_of_words_is_found_wherever_it_stands_and_quoted() -> None:
    inside = f"Please read: {LONG.upper()}!! Now answer."
    assert found(example(inside), example(LONG), size=13) == (
        "the quick brown fox jumps over the lazy dog and runs far away"
    )
    assert found(example("short", answer=inside), example(LONG), size=13) is not None
    assert found(example(inside), example("What?", LONG), size=13) is not None
    assert found(example(inside), example("What?", "That.", others=[LONG]), size=13) is not None


def test_one_word_less_is_no_overlap() -> None:
    twelve = " ".join(LONG.split()[:12])
    assert found(example(f"{twelve} but not more of it"), example(LONG), size=13) is None
    assert found(example(f"{twelve} away"), example(LONG), size=13) is not None, "thirteen words"


def test_prompt_and_answer_are_one_text_and_two_rows_are_not() -> None:
    known = example("one two three", "four five six")
    assert found(example("two three", "four five six"), known) == "two three four five six"
    known_apart = [example("one two three"), example("four five six")]
    assert found(example("two three", "four five six"), *known_apart) is None
    pair = {
        "id": "x:1", "prompt": example("one two three")["prompt"],
        "chosen": [{"role": "assistant", "content": "no"}], "rejected": [{"role": "assistant", "content": "four five"}],
    }  # fmt: skip
    assert found(pair, known) == "one two three four five", "the border is read again for the second answer"


def test_system_messages_are_no_overlap() -> None:
    system = [{"role": "system", "content": LONG}]
    row = example("who")
    assert found({**row, "prompt": [*system, *row["prompt"]]}, example(LONG)) is None
    assert found(example(LONG), {**row, "prompt": [*system, *row["prompt"]]}) is None


def test_short_questions_are_compared_whole() -> None:
    known = example("Why is it so?", "Because.")
    assert found(example("why, is it so"), known) == "why is it so"
    assert found(example("Tell me: why is it so"), known) is None
    assert found(example("Because."), known) is None, "answers are no questions"
    assert found(example("?!"), example("..."), size=5) is None, "no words are no question"


def test_statements_are_texts() -> None:
    assert found({"id": "x:0", "text": LONG}, {"id": "y:0", "text": f"Well, {LONG}"}) is not None
    assert found({"id": "x:0", "text": "they are so"}, {"id": "y:0", "text": "They are so."}) == "they are so"


def slowly(rows: list[dict[str, Any]], known: list[dict[str, Any]], size: int) -> set[int]:
    """The same by sets of n-grams."""

    def grams(row: dict[str, Any]) -> set[tuple[str, ...]]:
        said = [*row["prompt"], *(row["completion"] or [])]
        text = [word for turn in said for word in words(turn["content"])]
        return {tuple(text[at : at + size]) for at in range(len(text) - size + 1)}

    every = set().union(*map(grams, known)) if known else set()
    short = {" ".join(words(row["prompt"][0]["content"])) for row in known}
    short = {text for text in short if 0 < len(text.split()) < size}
    return {
        at for at, row in enumerate(rows)
        if grams(row) & every or " ".join(words(row["prompt"][0]["content"])) in short
    }  # fmt: skip


texts = st.lists(st.sampled_from(["a", "b", "c!", "D"]), max_size=9).map(" ".join)
examples = st.lists(st.builds(example, texts, st.none() | texts), max_size=8)


@given(rows=examples, known=examples, size=st.integers(1, 5))
def test_it_finds_what_sets_of_ngrams_find(rows: list[dict[str, Any]], known: list[dict[str, Any]], size: int) -> None:
    evaluated = Evaluated(size)
    for row in known:
        evaluated.add([row])
    if rows:
        ((_, at),) = shared(rows, {"test": evaluated})
        assert set(at) == slowly(rows, known, size)


def test_many_rows_are_told_apart() -> None:
    draw = random.Random(0)
    rows = [example(" ".join(draw.choices("abcdefghij", k=30))) for _ in range(3000)]
    known = Evaluated(13)
    known.add([example(f"x {rows[at]['prompt'][0]['content'][:40]} y") for at in (5, 77, 2999)])
    ((_, at),) = shared(rows, {"test": known})
    assert set(at) == {5, 77, 2999}


def test_no_row_is_lost_and_each_says_why() -> None:
    evaluated = {name: Evaluated(5) for name in ("one", "two")}
    evaluated["one"].add([example(LONG)])
    evaluated["two"].add([example(LONG), example("Why?")])
    rows = [{**example(text), "id": f"x:{n}"} for n, text in enumerate([LONG, "Why?", "Who is it?"])]
    earlier = {"id": "x:9", "reason": "tie", "excerpt": ""}
    (batch,) = decontaminated([Batch(rows, [earlier], 4)], evaluated)
    assert batch.rows_in == len(batch.rows) + len(batch.drops) == 4
    assert [(drop["id"], drop["reason"]) for drop in batch.drops[1:]] == [
        ("x:0", "5 words in a row occur in one"),
        ("x:1", "a question of fewer than 5 words occurs in two"),
    ]
    assert batch.drops[1]["excerpt"] == "the quick brown fox jumps"
    assert list(decontaminated([Batch()], evaluated)) == [Batch()]


def test_rows_know_where_they_begin() -> None:
    said = Passages.of([example("a b", "c"), example("d")], 2)
    assert said.words == ["a", "b", "c", "\n", "d", "\n"] and said.starts == [0, 4]


@pytest.mark.parametrize(("ngram", "left"), [(None, 2), (5, 1)])
def test_the_verb_drops_what_evaluation_data_say(tmp_path: Path, ngram: int | None, left: int) -> None:
    def rows(name: str, asked: list[str], **more: Any) -> dict[str, Any]:
        path, out = tmp_path / f"{name}.jsonl", tmp_path / name
        out.mkdir()
        path.write_text("".join(json.dumps({"question": one, "answer": "because"}) + "\n" for one in asked))
        args = {"identity": identity(str(path)), "format": {"name": "eli5", "args": {}}, **more}
        return stages.rows(args, {"source": path, "test": tmp_path / "test"}, out)

    rows("test", [LONG])
    wanted = {"against": ["test"], **({"ngram": ngram} if ngram else {})}
    asked = [f"so: {LONG}", "the quick brown fox jumps high", "who"]
    facts = rows("train", asked, decontaminate=wanted)
    assert facts["rows"] == left and sum(facts["drops"].values()) == 3 - left
    excerpts = tables.read(tmp_path / "train" / "drops.parquet")["excerpt"].to_pylist()
    assert excerpts[0].startswith("the quick brown fox jumps")
