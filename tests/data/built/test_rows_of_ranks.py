"""Rows built of ranks: nobody is preferred to a better one, nothing is lost, and repeats and ties do not get through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data.built.candidates import Ranked, joined, words
from leaven.data.built.offered import Made
from leaven.data.built.picked import demonstrations, unpaired
from leaven.data.built.preferences import longer_chosen, preferences, with_ranks
from leaven.errors import DataError
from leaven.rows import Row

MAKERS: list[Callable[..., Made]] = [preferences, demonstrations, unpaired]
Answer = tuple[str | None, float | None]  # text, rank


def prompt(name: str, asked: str | None = None) -> Row:
    said = [{"role": "user", "content": asked or f"What of {name}?"}]
    return {"id": name, "source": "there", "group": "g", "label": None, "prompt": said, "completion": None}


def ranked(*prompts: list[Answer], asked: str | None = None) -> list[Ranked]:
    """Join prompts p0, p1 ... with their answers; a rank None is a judge that could not be understood."""
    rows, answers, ranks = [], [], []
    for at, told in enumerate(prompts):
        rows.append(prompt(f"p{at}", asked))
        for sample, (text, rank) in enumerate(told):
            answers.append({"prompt_id": f"p{at}", "sample": sample, "text": text})
            ranks.append({"id": f"p{at}", "sample": sample, "asking": 0, "rank": rank, "reason": None if rank else "?"})
            ranks.append({"id": f"p{at}", "sample": sample, "asking": 1, "rank": 9.0 - (rank or 0), "reason": None})
    return joined(rows, answers, ranks)


def said(made: Made) -> list[tuple[str, str]]:
    return [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in made.rows]


FIVE: list[Answer] = [("three", 3), ("one", 1), ("five", 5), ("two", 2), ("four", 4)]


def test_the_best_is_preferred_to_the_worst_by_as_many_ranks() -> None:
    made = preferences(ranked(FIVE))
    assert said(made) == [("one", "five")]
    (row,) = made.rows
    assert row["margin"] == 4
    assert row["id"] == "p0#s1-s2"
    assert (row["source"], row["group"]) == ("there", "g")
    assert row["chosen"] == [{"role": "assistant", "content": "one"}]


def test_all_pairs_so_many_ranks_apart() -> None:
    assert len(preferences(ranked(FIVE), pairs="all").rows) == 10
    made = preferences(ranked(FIVE), pairs="all", min_margin=3)
    assert said(made) == [("one", "four"), ("one", "five"), ("two", "five")]
    assert made.left_out == {"ranks differ by less than 3": 7}
    assert (made.used, made.drops) == (1, [])


def test_the_second_asking_decides_nothing() -> None:
    assert said(preferences(ranked([("a", 1), ("b", 2)]))) == [("a", "b")]


def test_ties_are_no_preferences() -> None:
    made = preferences(ranked([("a", 1.5), ("b", 1.5)]), min_margin=0.1)
    assert not made.rows
    assert [drop["reason"] for drop in made.drops] == ["tie"]
    assert preferences(ranked([("a", 1), ("b", 2.5), ("c", 2.5)]), pairs="all", min_margin=0.1).left_out == {"tie": 1}


def test_equal_answers_are_one_whose_rank_is_the_mean() -> None:
    (one,) = ranked([("a b", 1), ("b", 2.5), (" a  b", 5)])
    assert one.repeats == 1
    assert [(each.text, each.rank) for each in one.candidates] == [("b", 2.5), ("a b", 3)]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], "it has no answer"),
        ([("a", 1)], "it has fewer than 2 answers"),
        ([("a", 1), (" ", 2)], "it has fewer than 2 answers"),
        ([("", 1), (None, None)], "none of its answers says anything"),
        ([("a", 1), ("a", 2), ("a", 3)], "its answers are all the same"),
        ([("a", 1), ("b", None), ("c", 3)], "not all of its answers are ranked"),
        ([("a", 1), ("b", float("nan"))], "not all of its answers are ranked"),
    ],
)
@pytest.mark.parametrize("make", MAKERS)
def test_why_nothing_is_built_of_a_prompt(make: Callable[..., Made], answers: list[Answer], reason: str) -> None:
    made = make(ranked(answers, [("a", 1), ("b", 2)]))
    assert [(drop["id"], drop["reason"]) for drop in made.drops] == [("p0", reason)]
    assert {row["id"].partition("#")[0] for row in made.rows} == {"p1"}


def test_what_the_judge_said_is_quoted_where_it_was_not_understood() -> None:
    (drop,) = preferences(ranked([("a", 1), ("b", None)])).drops
    assert drop["excerpt"] == "?"


def test_much_longer_answers_are_left_out() -> None:
    made = preferences(ranked([("aa", 1), ("bbbbb", 2)], [("cccc", 1), ("dd", 2)]), max_length_ratio=2)
    assert said(made) == [("cccc", "dd")]
    assert [drop["reason"] for drop in made.drops] == ["one answer is more than 2 times as long"]


def test_exact_duplicates_are_built_once() -> None:
    twice = ranked([("a", 1), ("b", 2)], [("a", 1), ("b", 2)], [("b", 1), ("a", 2)], asked="The same?")
    for make, rows in ((preferences, 2), (demonstrations, 2), (unpaired, 4)):
        made = make(twice)
        assert len(made.rows) == rows
        assert [drop["reason"] for drop in made.drops] == ["exact duplicate of another row"]
    other = preferences(ranked([("a", 1), ("b", 2)], [("a", 1), ("b", 2)]))
    assert len(other.rows) == 2, "the same answers to two prompts are two rows"


def test_longer_answers_are_preferred_no_more_often_than_shorter_ones() -> None:
    longer: list[list[Answer]] = [[(f"a long answer {at}", 1), ("short", 2)] for at in range(30)]
    shorter: list[list[Answer]] = [[("short", 1), (f"a long answer {at}", 2)] for at in range(10)]
    plain, level = (preferences(ranked(*longer, *shorter), length_balance=on) for on in (False, True))
    assert longer_chosen(plain.rows) == 0.75
    assert longer_chosen(level.rows) == 0.5
    assert len(level.rows) == 20
    assert len(level.drops) == 20
    again = preferences(list(reversed(ranked(*longer, *shorter))), length_balance=True)
    assert {row["id"] for row in again.rows} == {row["id"] for row in level.rows}, "which ones depends on no order"
    assert preferences(ranked(*shorter), length_balance=True).rows == preferences(ranked(*shorter)).rows


def test_the_ranks_of_all_answers_stand_in_the_prompt() -> None:
    (row,) = preferences(ranked(FIVE), ranks_in_prompt=True).rows
    assert row["prompt"][-1]["content"] == "What of p0?\n\nRanks: 3, 1, 5, 2, 4"
    assert with_ranks([{"role": "user", "content": "a"}], [1.5, None])[-1]["content"] == "a\n\nRanks: 1.5, ?"
    (plain,) = preferences(ranked(FIVE)).rows
    assert plain["prompt"][-1]["content"] == "What of p0?"


def test_the_best_of_k_are_demonstrations() -> None:
    made = demonstrations(ranked(FIVE), best=2)
    assert [row["completion"][0]["content"] for row in made.rows] == ["one", "two"]
    assert [row["id"] for row in made.rows] == ["p0#s1", "p0#s3"]
    assert [drop["reason"] for drop in demonstrations(ranked(FIVE), best=6).drops] == [
        "it has too few different answers"
    ]


def test_equal_ranks_are_not_decided_by_the_place() -> None:
    tied: list[list[Answer]] = [[(f"a{at}", 1.5), (f"b{at}", 1.5)] for at in range(60)]
    made = demonstrations(ranked(*tied))
    first = sum(row["id"].endswith("#s0") for row in made.rows)
    assert 15 < first < 45


def test_good_and_bad_answers_are_labelled() -> None:
    made = unpaired(ranked(FIVE), good=1, bad=2)
    assert [(row["completion"][0]["content"], row["label"]) for row in made.rows] == [
        ("one", "true"),
        ("five", "false"),
        ("four", "false"),
    ]
    tied = unpaired(ranked([("a", 1.5), ("b", 1.5), ("c", 3)]), good=1, bad=2)
    assert [drop["reason"] for drop in tied.drops] == ["its good and bad answers have the same rank"]
    few = unpaired(ranked([("a", 1), ("b", 2)]), good=2, bad=1)
    assert [drop["reason"] for drop in few.drops] == ["it has too few different answers"]


def test_answers_of_other_prompts_are_refused() -> None:
    answers = [{"prompt_id": "elsewhere", "sample": 0, "text": "a"}]
    with pytest.raises(DataError, match="prompts that are not there, the first is 'elsewhere'"):
        joined([prompt("p0")], answers, [])
    with pytest.raises(DataError, match="sample 0 of 'p0' is there twice"):
        joined([prompt("p0")], [{"prompt_id": "p0", "sample": 0, "text": "a"}] * 2, [])


def test_an_answer_that_the_judge_never_saw_is_unranked() -> None:
    (one,) = joined([prompt("p0")], [{"prompt_id": "p0", "sample": 0, "text": "a"}], [])
    assert one.why == "not all of its answers are ranked"


ANSWERS = st.lists(
    st.tuples(st.sampled_from(["a", "b b", "ccc", " a", "", None]), st.sampled_from([1.0, 2.0, 2.5, 4.0, None])),
    max_size=6,
)
SETTINGS = st.fixed_dictionaries(
    {
        "pairs": st.sampled_from(["all", "best_worst"]),
        "min_margin": st.sampled_from([0.5, 1.0, 2.0]),
        "max_length_ratio": st.sampled_from([None, 2.0]),
        "length_balance": st.booleans(),
    }
)


@given(st.lists(ANSWERS, max_size=8), SETTINGS)
def test_no_answer_is_preferred_to_one_of_a_better_rank(prompts: list[list[Answer]], settings: dict[str, Any]) -> None:
    joint = ranked(*prompts)
    rank = {(one.id, words(each.text)): each.rank for one in joint for each in one.candidates}
    made = preferences(joint, **settings)
    for row in made.rows:
        whose = row["id"].partition("#")[0]
        better, worse = (rank[whose, words(row[side][0]["content"])] for side in ("chosen", "rejected"))
        assert worse - better == row["margin"] >= settings["min_margin"]
    if settings["length_balance"]:
        assert (longer_chosen(made.rows) or 0) <= 0.5


@given(st.lists(ANSWERS, max_size=8), st.sampled_from([*MAKERS]), st.booleans())
def test_every_prompt_and_every_row_is_accounted_for(
    prompts: list[list[Answer]], make: Callable[..., Made], one_question: bool
) -> None:
    made = make(ranked(*prompts, asked="The same?" if one_question else None))
    used = {row["id"].partition("#")[0] for row in made.rows}
    dropped = [drop["id"] for drop in made.drops]
    assert made.prompts == len(prompts) == made.used + len(dropped)
    assert sorted([*used, *dropped]) == sorted(f"p{at}" for at in range(len(prompts)))
    assert len({row["id"] for row in made.rows}) == len(made.rows)
    assert made.offered == len(made.rows) + sum(made.left_out.values())
