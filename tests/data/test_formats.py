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
    "eli5_category": {
        "title": "title?",
        "selftext": "below",
        "answers": {"text": ["first", "best", "[deleted]", "second"], "score": [2, 9, 99, 2]},
    },
    "persona": {"question": "q", "answer_matching_behavior": " Yes"},
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
    assert read("webgpt", row, context=True)["prompt"] == [
        {"role": "system", "content": "T: E"},
        {"role": "user", "content": "q?"},
    ]
    without = {**row, "quotes_1": {"title": [], "extract": []}}
    assert read("webgpt", without, context=True)["prompt"] == read("webgpt", row)["prompt"]
    with pytest.raises(BadRow, match="quotes_1 holds no list of titles"):
        read("webgpt", {**row, "quotes_1": {"title": "T", "extract": "E"}}, context=True)


def test_webgpt_equal_answers_keep_their_margin() -> None:
    made = read("webgpt", {**GOOD["webgpt"], "answer_0": "same", "answer_1": "same"})
    assert made["chosen"] == made["rejected"] and made["margin"] > 0


def test_eli5_category_takes_the_best_voted_answer_and_keeps_the_others() -> None:
    made = read("eli5_category", GOOD["eli5_category"])
    assert (said(made["prompt"]), said(made["completion"])) == (["title?"], ["best"])
    assert made["others"] == ["first", "second"]
    assert said(read("eli5_category", GOOD["eli5_category"], selftext=True)["prompt"]) == ["title?\n\nbelow"]


def test_persona_has_the_matching_answer_as_completion_and_label() -> None:
    made = read("persona", GOOD["persona"])
    assert (said(made["completion"]), made["label"]) == (["Yes"], "Yes")


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
        ("eli5_category", {"answers": {"text": ["x"], "score": []}}, "of the same length"),
        ("eli5_category", {"answers": {"text": ["[deleted]", " "], "score": [1, 2]}}, "answers has no text"),
        ("persona", {"answer_matching_behavior": " "}, "answer_matching_behavior is empty"),
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
