"""Prompt-time methods: declared like any plug-in, and what they ask for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from leaven.registry import WRAPS


def test_a_prefix_asks_for_its_tokens_in_their_order() -> None:
    plugin = WRAPS.get("control_prefix")
    assert plugin.call(args={"tokens": ["<|b|>", "<|a|>"]}).control == ("<|b|>", "<|a|>")
    assert plugin.canonical({"tokens": ["<|a|>"]}) == {
        "name": "control_prefix", "version": 1, "args": {"tokens": ["<|a|>"]},
    }  # fmt: skip
    assert plugin.flows == ()


@pytest.mark.parametrize(
    ("tokens", "said"),
    [([], "at least 1"), (["<|a|>", "<|a|>"], "stands twice"), (["<|a b|>"], "holds a space"), ([" "], "is blank")],
)
def test_tokens_that_are_none_are_refused(tokens: list[Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WRAPS.get("control_prefix").declare({"tokens": tokens})


def test_an_unknown_wrap_says_what_was_meant() -> None:
    with pytest.raises(KeyError, match="did you mean 'control_prefix'"):
        WRAPS.get("control_prefx")
