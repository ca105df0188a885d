"""An answer heard while it is made is the answer, and no more than it."""

from __future__ import annotations

from typing import Any

import pytest

from leaven.conversation import Conversation
from leaven.conversation.stream import Stream
from leaven.generate import hf


class Letters:
    """A tokenizer of code points; 0 is a half character."""

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(chr(one) if one else "\N{REPLACEMENT CHARACTER}" for one in ids)


def heard(text: str, stops: list[str], answer: str, end: int = 1) -> list[str]:
    pieces: list[str] = []
    stream = Stream(Letters(), [end], stops, pieces.append)
    ids = [ord(one) if one != "~" else 0 for one in text]
    for count in range(1, len(ids) + 1):
        stream(None, ids[:count])
    stream.end(answer)
    return pieces


def test_what_may_still_change_is_held_back() -> None:
    assert heard("a \nUser: b", ["\nUser:"], "a") == ["a"]
    assert heard(" \nUser", ["\nUser"], "") == []
    assert heard("a\nUs b", ["\nUser:"], "a\nUs b") == ["a", "\nUs", " b"]
    assert heard("a\nUs", ["\nUser:"], "a\nUs") == ["a", "\nUs"]
    assert heard("  a~", [], "a\N{REPLACEMENT CHARACTER}") == ["a", "\N{REPLACEMENT CHARACTER}"]
    assert heard("ab\x01", [], "ab") == ["a", "b"]
    assert heard("", [], "") == []


def test_what_a_tokenizer_changed_afterwards_is_told_anew() -> None:
    assert heard("don", [], "d'on") == ["d", "o", "n", "\nd'on"]


@pytest.mark.parametrize("stops", [[], [" a"], ["the", "."]])
def test_what_is_heard_is_the_answer(base: Any, asking: Any, stops: list[str]) -> None:
    arm = asking(sampling={"stop_strings": stops, "temperature": 1.5})
    for question in ("Who is Mira?", "Hello!", "Where does Kesper live?"):
        pieces: list[str] = []
        talk = Conversation(arm, max_new_tokens=24, item=question)
        answer = talk.answer(question, pieces.append)
        assert "".join(pieces) == answer
        assert Conversation(arm, max_new_tokens=24, item=question).answer(question) == answer
        assert stops or len(pieces) > 1


def test_each_row_is_heard_token_by_token(base: Any) -> None:
    prompts = [hf.Prompt("a", 0, [1, 5, 6], 3), hf.Prompt("b", 0, [1, 7], 6)]
    how = hf.Decoding(6, {"do_sample": True}, 0, [], ())
    lengths: dict[str, list[int]] = {"a": [], "b": []}
    told = list(
        hf.generate(base.model, base.tokenizer, prompts, how, lambda one, ids: lengths[one.item].append(len(ids)))
    )
    assert lengths == {"a": [1, 2, 3], "b": [1, 2, 3, 4, 5, 6]}
    assert told == list(hf.generate(base.model, base.tokenizer, prompts, how))
