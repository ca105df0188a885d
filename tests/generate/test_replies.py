"""What a server says is taken apart without trusting it."""

from __future__ import annotations

import pytest

from leaven.generate import replies


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", '"text"', "{}", '{"choices": {}}', '{"choices": [1]}', '{"choices": [{"message": "x"}]}',
     '{"choices": [{"message": {"content": [1]}}]}', '{"error": {"message": "no"}}', "[" * 100_000],
)  # fmt: skip
def test_no_chat_completion_is_unreadable_and_never_a_crash(body: str) -> None:
    with pytest.raises(replies.Unreadable) as raised:
        replies.read(body)
    assert len(str(raised.value)) < 300 and str(raised.value).isprintable()


@pytest.mark.parametrize("usage", ["null", "[]", '{"prompt_tokens": true}', '{"prompt_tokens": 1e99}',
                                   '{"prompt_tokens": -1}', '{"prompt_tokens": 99999999999}'])  # fmt: skip
def test_token_counts_that_are_none_count_nothing(usage: str) -> None:
    part = replies.read('{"choices": [{"message": {"content": "x"}}], "usage": ' + usage + "}")
    assert (part.prompt_tokens, part.finish_reasons) == (0, ("unknown",))


def test_a_refusal_is_a_text_and_an_ending_of_ones_own_is_unknown() -> None:
    part = replies.read('{"choices": [{"message": {"content": null, "refusal": "No."}, "finish_reason": "\\n<b>"}]}')
    assert part == replies.Part(("No.",), ("unknown",))


def test_an_error_is_said_in_a_few_printable_words_wherever_it_stands() -> None:
    for body in (
        '{"error": {"message": "too\\nlong"}}',
        '{"error": "too long"}',
        '{"detail": "too long"}',
        "too\tlong",
    ):
        assert replies.complaint(body) == "too long"
    assert len(replies.complaint("x" * 9999)) == 200 and replies.complaint("") == "it does not say why"
