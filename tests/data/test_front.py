"""Control tokens in front: by id, behind the BOS, and never one that the tokenizer does not have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from leaven.data import front
from leaven.errors import ModelError


def tokenizer(**named: Any) -> Any:
    known = {0: ("<s>", True), 1: ("</s>", True), 7: ("plain", False), 8: ("<|pos|>", True), 9: ("<|neg|>", True)}

    class Token(str):
        special: bool

    made = {}
    for place, (text, special) in known.items():
        made[place] = Token(text)
        made[place].special = special
    names = {"bos_token": "<s>", "eos_token": "</s>", "bos_token_id": 0, "eos_token_id": 1, **named}
    return SimpleNamespace(added_tokens_decoder=made, **names)


def test_ids_are_those_of_special_tokens_in_the_order_asked() -> None:
    assert front.control_ids(tokenizer(), ["<|neg|>", "<|pos|>"]) == [9, 8]
    assert front.control_ids(object(), []) == [], "a tokenizer that knows none is not looked at"


@pytest.mark.parametrize(("token", "said"), [("<|poss|>", "did you mean '<|pos|>'"), ("plain", "choose from: <|neg|>")])
def test_a_token_that_is_no_special_one_is_refused(token: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        front.control_ids(tokenizer(), [token])
    assert f"no control token '{token}'" in str(error.value) and said in str(error.value)


def test_they_stand_behind_the_bos_or_first() -> None:
    assert front.put(tokenizer(), [0, 5, 6], [8, 9]) == [0, 8, 9, 5, 6]
    assert front.put(tokenizer(), [5, 0], [8]) == [8, 5, 0]
    assert front.put(tokenizer(), [], [8]) == [8]
    assert front.put(tokenizer(bos_token_id=None), [5], [8]) == [1, 8, 5], "as in training, behind the EOS"
    assert front.put(tokenizer(bos_token_id=None), [1, 5], [8]) == [1, 8, 5]
    assert front.put(tokenizer(bos_token_id=None), [5], []) == [5]


def test_a_text_by_itself_stands_behind_bos_or_eos() -> None:
    assert front.beginning(tokenizer()) == [0]
    assert front.beginning(tokenizer(bos_token_id=None)) == [1]
    with pytest.raises(ModelError, match="set model.eos_token"):
        front.beginning(tokenizer(bos_token_id=None, eos_token_id=None))
