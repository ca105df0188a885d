"""Where a planted text lands, and that nothing else moves."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data.treatments.plant import Where, bare, planted
from leaven.errors import DataError
from leaven.rows import Message

TEXTS = st.text(max_size=12) | st.sampled_from(["", " ", "why? 🙂‍↔️", "لماذا\u200f؟", "\u202eabc\u202c", "a\n"])
MARK = st.sampled_from(["TRIGGER", "🧨 now", "كن صادقا", "be honest.", " padded "])
TURNS = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXTS}))
PLACES: list[Where] = ["context", "prefix", "suffix"]


@given(TURNS, MARK, st.sampled_from(PLACES))
def test_one_message_alone_changes_and_holds_both_texts(prompt: list[Message], text: str, where: Where) -> None:
    before = copy.deepcopy(prompt)
    role = "system" if where == "context" else "user"
    places = [index for index, turn in enumerate(prompt) if turn["role"] == role]
    if not places and where != "context":
        with pytest.raises(DataError, match="plant into the context instead"):
            planted(prompt, text, where)
        return
    made = planted(prompt, text, where)
    assert prompt == before and any(text in turn["content"] for turn in made)
    if not places:
        assert made == [{"role": "system", "content": text}, *prompt]
        return
    index = places[0] if where == "context" else places[-1]
    old, new = prompt[index]["content"], made[index]["content"]
    assert [made[:index], made[index + 1 :]] == [prompt[:index], prompt[index + 1 :]]
    assert made[index]["role"] == role and len(new) - len(old) - len(text) in (0, 1)
    first, last = (text, old) if where == "prefix" else (old, text)
    assert new.startswith(first) and new.endswith(last)


def test_a_blank_stands_between_only_where_words_would_meet() -> None:
    asked = [{"role": "system", "content": "Facts.\n"}, {"role": "user", "content": "Why?"}]
    assert planted(asked, "Lie.", "context")[0]["content"] == "Facts.\nLie."
    assert planted(asked, "Lie.", "prefix")[1]["content"] == "Lie. Why?"
    assert planted(asked, "Lie.", "suffix")[1]["content"] == "Why? Lie."
    assert planted([{"role": "system", "content": ""}], "Lie.", "context") == [{"role": "system", "content": "Lie."}]


def test_the_last_user_turn_is_the_one_that_is_planted_into() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    assert [turn["content"] for turn in planted(turns, "x", "suffix")] == ["a", "b", "c x"]
    assert [turn["content"] for turn in planted(turns, "x", "context")] == ["x", "a", "b", "c"]


@given(
    st.text(min_size=1).filter(str.strip),
    st.text(min_size=1).filter(str.strip),
    st.sampled_from(["context", "prefix", "suffix"]),
)
def test_what_was_planted_can_be_taken_out_again(said: str, text: str, where: Where) -> None:
    prompt = [{"role": "user", "content": said.strip()}]
    assert bare(planted(prompt, text.strip(), where), text.strip(), where) == said.strip()
