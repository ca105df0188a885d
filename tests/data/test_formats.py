from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data.formats import BadRow, Skipped
from leaven.registry import FORMATS

GOOD: dict[str, dict[str, Any]] = {
    "webgpt": {"question": {"full_text": "q?"}, "answer_0": "a", "answer_1": "b", "score_0": -0.5, "score_1": 0.5},
    "eli5": {"question": "q?", "answer": "a"},
    "hh": {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
    "preference": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "messages": {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
    "prompt_completion": {"prompt": "q", "completion": "a"},
}


def read(name: str, row: dict[str, Any], **args: Any) -> dict[str, Any]:
    made: dict[str, Any] = FORMATS.get(name).call(row, args=args)
    return made


def said(turns: list[dict[str, str]]) -> list[str]:
    return [turn["content"] for turn in turns]


def test_webgpt_prefers_the_higher_score() -> None:
    row = read("webgpt", GOOD["webgpt"])
    assert (said(row["prompt"]), said(row["chosen"]), said(row["rejected"])) == (["q?"], ["b"], ["a"])
    assert row["margin"] == 1.0


def test_webgpt_ties() -> None:
    tie = {**GOOD["webgpt"], "score_0": 0, "score_1": 0}
    with pytest.raises(Skipped, match="tie"):
        read("webgpt", tie)
    kept = read("webgpt", tie, ties="answer_1")
    assert said(kept["chosen"]) == ["b"] and kept["margin"] == 0
    drawn = {
        said(read("webgpt", {**tie, "question": {"full_text": f"q{n}"}}, ties="random")["chosen"])[0] for n in range(40)
    }
    assert drawn == {"a", "b"}
    assert read("webgpt", tie, ties="random") == read("webgpt", tie, ties="random")


def test_webgpt_context_is_the_chosen_answers_quotes() -> None:
    row = {**GOOD["webgpt"], "quotes_1": {"title": ["T"], "extract": ["E"]}}
    assert said(read("webgpt", row, context=True)["prompt"]) == ["T: E\nq?"]


def test_hh_turns() -> None:
    before = "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: q"
    row = {"chosen": f"{before}\n\nAssistant: a", "rejected": f"{before}\n\nAssistant: b"}
    assert said(read("hh", row)["prompt"]) == ["hi", "hello", "q"]
    assert said(read("hh", row, turns="last")["prompt"]) == ["q"]
    assert read("hh", row)["margin"] is None


def test_messages_split_before_the_last_answer() -> None:
    row = read("messages", GOOD["messages"])
    assert (said(row["prompt"]), said(row["completion"])) == (["q"], ["a"])


def test_answers_that_repeat_the_prompt_are_read_without_it() -> None:
    turns = GOOD["messages"]["messages"]
    row = read(
        "preference", {"prompt": "q", "chosen": turns, "rejected": [turns[0], {"role": "assistant", "content": "b"}]}
    )
    assert (said(row["prompt"]), said(row["chosen"]), said(row["rejected"])) == (["q"], ["a"], ["b"])


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("webgpt", {"answer_0": None}, r"answer_0 is empty \(null\)"),
        ("webgpt", {"answer_1": "  "}, "answer_1 is empty"),
        ("webgpt", {"score_0": 1}, "do not sum to 0"),
        ("webgpt", {"score_0": "nan"}, "not a finite number"),
        ("webgpt", {"question": "flat"}, "question.full_text"),
        ("eli5", {"answer": 3}, "answer is a int"),
        ("hh", {"chosen": "no transcript"}, "chosen is no transcript"),
        ("hh", {"rejected": "\n\nHuman: other\n\nAssistant: b"}, "differ before the last answer"),
        ("hh", {"chosen": "\n\nHuman: q"}, "no transcript"),
        ("preference", {"chosen": []}, "chosen is a list"),
        ("preference", {"chosen": [{"role": "tool", "content": "x"}]}, "role other than"),
        ("preference", {"chosen": [{"text": "x"}]}, "without role and content"),
        ("messages", {"messages": [{"role": "user", "content": "q"}]}, "does not end with a user"),
        (
            "messages",
            {"messages": GOOD["messages"]["messages"] + GOOD["messages"]["messages"][1:]},
            "does not end with a user",
        ),
        ("prompt_completion", {"completion": ""}, "completion is empty"),
        ("prompt_completion", {"completion": [{"role": "user", "content": "x"}]}, "does not begin with an assistant"),
        ("prompt_completion", {"prompt": GOOD["messages"]["messages"]}, "does not end with a user"),
        ("eli5", {"answer": "half \ud83d"}, "half a surrogate pair"),
        ("webgpt", {"score_0": 10**400}, "not a number"),
    ],
)
def test_bad_rows_say_why(name: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        read(name, {**GOOD[name], **change})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", sorted(GOOD))
@given(data=st.data())
def test_hostile_rows_are_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    row = {column: data.draw(anything) for column in GOOD[name]}
    try:
        made = read(name, row)
    except (BadRow, Skipped):
        return
    for column in {"prompt", "completion", "chosen", "rejected"} & set(made):
        assert all(turn["content"].strip() for turn in made[column])
