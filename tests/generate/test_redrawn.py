"""Answers that are drawn again: only repeats, only so often, and nothing depends on who else is asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leaven.data.built.candidates import words
from leaven.generate.redrawn import Draw, Wanted, number, redrawn
from leaven.rows import Row

K = 4


def _row(prompt: str, sample: int, text: str | None) -> Row:
    tokens = len((text or "").split())
    return {"prompt_id": prompt, "sample": sample, "text": text, "finish_reason": "stop", "tokens": tokens}


def _rows(prompt: str, *texts: str | None) -> list[Row]:
    return [_row(prompt, sample, text) for sample, text in enumerate(texts)]


def _numbered(kinds: int) -> tuple[list[list[Wanted]], Draw]:
    """Return what was wanted in each round, and a writer whose text is a function of (prompt, number of the draw)."""
    asked: list[list[Wanted]] = []

    def draw(wanted: list[Wanted]) -> list[Row]:
        asked.append(wanted)
        return [
            _row(prompt, number(sample, attempt, K), f"{prompt} {number(sample, attempt, K) % kinds}")
            for prompt, sample, attempt in reversed(wanted)
        ]

    return asked, draw


def test_only_repeats_are_drawn_again_and_the_first_stays() -> None:
    asked, draw = _numbered(1000)
    made, counts = redrawn([*_rows("p", "a", "b", "a", "a"), *_rows("q", "a", "b", "c", "d")], draw, 3)
    assert asked == [[("p", 2, 1), ("p", 3, 1)]]
    assert [row["text"] for row in made] == ["a", "b", "p 6", "p 7", "a", "b", "c", "d"]
    assert [row["sample"] for row in made] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert counts == {"repeats": 2, "redrawn": 2, "still_equal": 0, "draws": 2, "discarded_tokens": 2}


def test_a_model_that_says_one_thing_is_asked_so_often_and_no_more() -> None:
    asked, draw = _numbered(1)
    rows = _rows("p", "p 0", "p 0", "p 0", "p 0")
    made, counts = redrawn(rows, draw, 2)
    assert made == rows
    assert [len(one) for one in asked] == [3, 3]
    assert counts == {"repeats": 3, "redrawn": 0, "still_equal": 3, "draws": 6, "discarded_tokens": 12}


def test_none_is_drawn_where_none_may_be() -> None:
    asked, draw = _numbered(9)
    made, counts = redrawn(_rows("p", "a", "a", "a", "a"), draw, 0)
    assert not asked
    assert counts["still_equal"] == 3
    assert len(made) == 4


def test_two_that_are_drawn_alike_at_once_do_not_both_stay() -> None:
    made, counts = redrawn(_rows("p", "a", "a", "a"), lambda wanted: [_row(p, s, "new") for p, s, _ in wanted], 1)
    assert [row["text"] for row in made] == ["a", "new", "a"]
    assert counts["still_equal"] == 1


def test_white_space_alone_makes_no_other_answer() -> None:
    _, counts = redrawn(_rows("p", "a b", " a  b\n"), lambda wanted: [_row("p", 1, "c")], 1)
    assert counts["repeats"] == 1


def test_what_could_not_be_drawn_stays_as_it_was_and_is_counted() -> None:
    made, counts = redrawn(_rows("p", "a", "a", "a"), lambda wanted: [_row("p", 1, None)], 2)
    assert [row["text"] for row in made] == ["a", "a", "a"]
    assert counts["still_equal"] == 2
    assert counts["draws"] == 0


def test_answers_without_text_repeat_nothing() -> None:
    _, counts = redrawn(_rows("p", None, None, "a"), lambda wanted: [], 1)
    assert counts["repeats"] == 0


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=K, max_size=K), min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_what_a_prompt_gets_depends_on_it_alone(texts: list[list[int]], kinds: int, times: int) -> None:
    rows = [row for at, one in enumerate(texts) for row in _rows(f"p{at}", *(f"p{at} {text}" for text in one))]
    together, counts = redrawn(rows, _numbered(kinds)[1], times)
    alone = [
        row for at in range(len(texts)) for row in redrawn(rows[at * K : at * K + K], _numbered(kinds)[1], times)[0]
    ]
    assert together == alone
    assert counts["repeats"] == counts["redrawn"] + counts["still_equal"]
    each = [{words(row["text"]) for row in together if row["prompt_id"] == f"p{at}"} for at in range(len(texts))]
    assert counts["still_equal"] == sum(K - len(one) for one in each)
