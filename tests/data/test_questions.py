from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leaven.data.questions import Asked, asked, item, place, same


def prompt(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "quotes"}, {"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("What  is IT?", "what is it", True),
        ("don't", "Dont!", True),
        ("a, b", "a b", True),
        ("½ Ａ", "1⁄2 a", True),
        ("2+2", "2-2", False),
        ("???", "!!!", False),
        ("कि", "की", False),
        ("why", "who", False),
    ],
)
def test_what_counts_as_the_same_question(one: str, other: str, equal: bool) -> None:
    assert (same(one) == same(other)) is equal


def test_the_question_is_the_last_thing_that_the_user_says() -> None:
    assert (
        asked([*prompt("first"), {"role": "assistant", "content": "a"}, {"role": "user", "content": "last"}]) == "last"
    )
    assert asked([{"role": "system", "content": "alone"}]) == "alone"


@pytest.mark.parametrize(
    ("known", "tested", "has"),
    [
        ("Why?\nmore", "why", True),
        ("why", "Why?\nmore", True),
        ("Why?\nmore", "Why?\nMORE", True),
        ("Would you say this?\n'I lie.'", "Would you say this?\n'I am kind.'", False),
        ("Why?", "How?", False),
    ],
)
def test_a_first_line_counts_where_the_other_side_says_no_more(known: str, tested: str, has: bool) -> None:
    questions = Asked()
    questions.add([prompt(known)])
    assert questions.has(prompt(tested)) is has


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_question_has_one_place_whatever_its_case_and_punctuation(text: str) -> None:
    assert 0 <= place(prompt(text)) < 1
    assert place(prompt(text)) == place([{"role": "user", "content": f"  {text}\n"}])


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8")))
def test_a_title_and_the_title_with_a_text_below_it_have_one_place(title: str, below: str) -> None:
    assume(title.strip())
    first = title.strip().partition("\n")[0]
    assert place(prompt(first)) == place(prompt(f"{title.strip()}\n\n{below}"))


def test_what_is_held_out_by_its_title_is_in_the_same_part() -> None:
    short, long, other = prompt("Why is the sky blue?"), prompt("why is the SKY blue\n\nI looked up."), prompt("Why?")
    known = Asked()
    known.add([short])
    assert known.has(long) and place(short) == place(long) != place(other)


def test_an_item_is_the_question_with_the_turns_before_it_and_no_context() -> None:
    bare = [{"role": "user", "content": "WHY is\nit??"}]
    assert item(prompt("Why is it")) == item(bare) != item(prompt("Why is it\n\nI looked up."))
    earlier = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello"}]
    again = [*prompt("hi"), {"role": "assistant", "content": "HELLO!"}, *prompt("why is it")]
    assert item([*earlier, *bare]) == item(again)
    assert item([*earlier, *bare]) not in (item(bare), item([*earlier[1:], *bare]))
    assert item([{"role": "system", "content": "alone"}]) != item([{"role": "system", "content": "other"}])
