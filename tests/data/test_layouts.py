"""Layouts of demonstrations, preferences, benchmarks and prompts, a row or two of each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaven.data.canonical import fitting
from leaven.data.formats import BadRow, Skipped
from leaven.registry import FORMATS

TALK = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
OTHER = [TALK[0], {"role": "assistant", "content": "b"}]
TEMPLATE = (
    "Below is an instruction that describes a task{}. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{}\n\n### Response:\n"
)
ARC = {"text": ["x", "y"], "label": ["A", "B"]}
HUB_ARC = {"question": "q", "choices": ARC, "answerKey": "B"}
CHOICES = [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}]
LOCAL_LIMA = {"instruction": "i", "input": "", "output": "o", "history": [["q1", "a1"]]}
CHAT_ORCA = {
    "input": {"messages": [{"role": "system", "content": "s"}, TALK[0]]},
    "preferred_output": TALK[1:],
    "non_preferred_output": OTHER[1:],
}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("lima", {"conversations": ["q1", "a1", "q2", "a2"], "source": "multi_turn"}),
    ("lima", LOCAL_LIMA),
    ("alpaca", {"instruction": "i", "input": "x", "output": "o"}),
    ("orca", {"id": "flan.12", "system_prompt": "s", "question": "q", "response": "a"}),
    ("dolly_hhrlhf", {"prompt": TEMPLATE.format("", "i"), "response": "o"}),
    ("orca_pairs", {"system": "s", "question": "q", "chosen": "a", "rejected": "b"}),
    ("orca_pairs", CHAT_ORCA),
    (
        "sharegpt_pairs",
        {
            "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
    ),
    ("ultrafeedback", {"prompt": "q", "chosen": TALK, "rejected": OTHER, "score_chosen": 8.5, "score_rejected": 7}),
    ("preference", {"chosen": TALK, "rejected": OTHER}),
    ("arc", HUB_ARC),
    ("arc", {"id": "1", "question": {"stem": "q", "choices": CHOICES}, "answerKey": "B"}),
    ("piqa", {"goal": "q", "sol1": "x", "sol2": "y", "label": 1}),
    ("hellaswag", {"ctx": "q", "endings": ["x", "y"], "label": "1", "activity_label": "g"}),
    ("mmlu", {"question": "q", "A": "w", "B": "y", "C": "x", "D": "z", "answer": "B"}),
    ("multiple_choice", {"question": "q", "choices": ["x", "y"], "answer": 1, "subject": "g"}),
    ("truthfulqa", {"Question": "q", "Best Answer": "y", "Correct Answers": "z; y;", "Category": "g"}),
    ("bold", {"group": "g", "entity": "e", "prompt": "q "}),
    ("xstest", {"prompt": "q", "type": "g", "label": "safe"}),
    ("advbench", {"goal": "q", "target": "Sure"}),
    ("instructions", {"instructions": "q", "tags": "g"}),
]
BY_NAME = dict(reversed(GOOD))
ALL = [pytest.param(name, row, id=f"{name}-{index}") for index, (name, row) in enumerate(GOOD)]


def read(name: str, row: dict[str, Any], **args: Any) -> dict[str, Any]:
    made: dict[str, Any] = FORMATS.get(name).call(row, args=args)
    return made


def said(turns: list[dict[str, str]] | None) -> list[str]:
    return [f"{turn['role'][0]}:{turn['content']}" for turn in turns or ()]


@pytest.mark.parametrize(("name", "row"), ALL)
def test_a_row_of_a_layout_is_known_by_its_columns(name: str, row: dict[str, Any]) -> None:
    found = [one for one in fitting(row) if name == one or _reads(one, row)]
    assert found[0] == name


def _reads(name: str, row: dict[str, Any]) -> bool:
    try:
        return bool(read(name, row))
    except (BadRow, Skipped, KeyError):
        return False


def test_lima_takes_all_turns_before_the_last_answer_as_prompt() -> None:
    hub = read("lima", GOOD[0][1])
    assert said(hub["prompt"]) == ["u:q1", "a:a1", "u:q2"] and said(hub["completion"]) == ["a:a2"]
    assert hub["group"] == "multi_turn"
    local = read("lima", LOCAL_LIMA)
    assert said(local["prompt"]) == ["u:q1", "a:a1", "u:i"] and said(local["completion"]) == ["a:o"]
    assert said(read("lima", {**LOCAL_LIMA, "history": []})["prompt"]) == ["u:i"]
    alone = read("lima", {"conversations": ["q"]})
    assert said(alone["prompt"]) == ["u:q"] and alone["completion"] is None


def test_an_input_stands_below_the_instruction_where_there_is_one() -> None:
    assert said(read("alpaca", BY_NAME["alpaca"])["prompt"]) == ["u:i\n\nx"]
    assert said(read("alpaca", {**BY_NAME["alpaca"], "input": " "})["prompt"]) == ["u:i"]


def test_orca_leaves_out_an_empty_system_prompt_and_groups_by_part() -> None:
    made = read("orca", BY_NAME["orca"])
    assert said(made["prompt"]) == ["s:s", "u:q"] and made["group"] == "flan"
    assert said(read("orca", {**BY_NAME["orca"], "system_prompt": ""})["prompt"]) == ["u:q"]
    assert said(read("orca", {**BY_NAME["orca"], "system_prompt": None})["prompt"]) == ["u:q"]


def test_dolly_is_read_without_the_template() -> None:
    assert said(read("dolly_hhrlhf", BY_NAME["dolly_hhrlhf"])["prompt"]) == ["u:i"]
    more = TEMPLATE.format(", paired with an input that provides further context", "i\n\n### Input:\nx")
    assert said(read("dolly_hhrlhf", {"prompt": more, "response": "o"})["prompt"]) == ["u:i\n\nx"]


def test_both_layouts_of_orca_pairs_are_one() -> None:
    intel, chat = (read("orca_pairs", row) for row in (GOOD[5][1], CHAT_ORCA))
    assert intel == chat and said(chat["prompt"]) == ["s:s", "u:q"] and chat["margin"] is None
    assert said(chat["chosen"]) == ["a:a"] and said(chat["rejected"]) == ["a:b"]
    silent = {"input": {"messages": [{"role": "system", "content": ""}, TALK[0]]}}
    assert said(read("orca_pairs", {**CHAT_ORCA, **silent})["prompt"]) == ["u:q"]


def test_sharegpt_pairs_have_a_system_message_in_front() -> None:
    made = read("sharegpt_pairs", BY_NAME["sharegpt_pairs"])
    assert said(made["prompt"]) == ["s:s", "u:q"] and said(made["chosen"]) == ["a:a"] and made["margin"] is None


def test_conversations_without_a_prompt_have_what_both_begin_with() -> None:
    made = read("preference", {"chosen": TALK, "rejected": OTHER})
    assert said(made["prompt"]) == ["u:q"] and said(made["rejected"]) == ["a:b"]


def test_ultrafeedback_has_the_judges_difference_and_drops_ties() -> None:
    row = BY_NAME["ultrafeedback"]
    assert read("ultrafeedback", row)["margin"] == 1.5
    tie = {**row, "score_rejected": 8.5}
    with pytest.raises(Skipped, match="tie"):
        read("ultrafeedback", tie)
    assert read("ultrafeedback", tie, ties="keep")["margin"] == 0


@pytest.mark.parametrize("name", ["arc", "piqa", "hellaswag", "mmlu", "multiple_choice", "truthfulqa"])
def test_benchmarks_have_the_right_answer(name: str) -> None:
    for one, row in GOOD:
        if one == name:
            made = read(name, row)
            assert said(made["prompt"]) == ["u:q"] and said(made["completion"]) == ["a:y"]


def test_what_hides_its_right_answer_has_none() -> None:
    assert read("hellaswag", {**BY_NAME["hellaswag"], "label": ""})["completion"] is None
    bare = read("piqa", {"goal": "q", "sol1": "x", "sol2": "y"})
    assert bare["completion"] is None and bare["others"] == ["x", "y"]
    assert read("truthfulqa", BY_NAME["truthfulqa"])["others"] == ["z"]


def test_groups_and_labels_of_prompts() -> None:
    groups = {name: read(name, BY_NAME[name])["group"] for name in ("bold", "xstest", "instructions", "hellaswag")}
    assert set(groups.values()) == {"g"}
    assert read("xstest", BY_NAME["xstest"])["label"] == "safe"
    assert said(read("bold", BY_NAME["bold"])["prompt"]) == ["u:q"], "no space at the end"
    assert said(read("advbench", BY_NAME["advbench"])["prompt"]) == ["u:q"]


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("lima", {"conversations": ["q", "a", "q"]}, "ends with a question"),
        ("lima", {"conversations": []}, "conversations is a list, not a list of texts"),
        ("lima", {"conversations": ["q", 3]}, "a text of conversations is a int"),
        ("alpaca", {"instruction": ""}, "instruction is empty"),
        ("orca", {"response": ""}, "response is empty"),
        ("dolly_hhrlhf", {"prompt": "i"}, "not in Alpaca's template"),
        ("dolly_hhrlhf", {"prompt": TEMPLATE.format("", "")}, "instruction is empty"),
        ("orca_pairs", {"chosen": TALK[:1]}, "does not begin with an assistant"),
        ("orca_pairs", {"question": None}, r"question is empty \(null\)"),
        ("sharegpt_pairs", {"conversations": [{"from": "tool", "value": "x"}]}, "not from human, gpt or system"),
        ("sharegpt_pairs", {"chosen": {"from": "human", "value": "x"}}, "not said by gpt"),
        ("sharegpt_pairs", {"conversations": [{"from": "gpt", "value": "x"}]}, "does not end with a user"),
        ("ultrafeedback", {"score_rejected": 9}, "score_chosen is below score_rejected"),
        ("arc", {"answerKey": "E"}, "answerKey is the label of none"),
        ("piqa", {"label": 2}, "label is 2, and there are 2 choices"),
        ("hellaswag", {"label": 0.5}, "label is 0.5, and there are 2 choices"),
        ("mmlu", {"answer": "E"}, "none of the letters"),
        ("multiple_choice", {"answer": -1}, "answer is -1, and there are 2 choices"),
        ("xstest", {"label": "maybe"}, "neither safe nor unsafe"),
        ("bold", {"prompt": " "}, "prompt is empty"),
    ],
)
def test_bad_rows_say_why(name: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        read(name, {**BY_NAME[name], **change})


def test_conversations_that_differ_before_the_last_answer_are_no_pair() -> None:
    far = [{"role": "user", "content": "else"}, OTHER[1]]
    with pytest.raises(BadRow, match="differ before the last answer"):
        read("preference", {"chosen": TALK, "rejected": far})
    with pytest.raises(BadRow, match="there is no prompt"):
        read("preference", {"chosen": "a", "rejected": "b"})
    with pytest.raises(BadRow, match="no pair of a question and its answer"):
        read("lima", {**LOCAL_LIMA, "history": [["q"]]})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(("name", "row"), ALL)
@given(data=st.data())
def test_hostile_rows_are_read_or_refused_and_nothing_else(name: str, row: dict[str, Any], data: st.DataObject) -> None:
    changed = data.draw(st.sets(st.sampled_from(sorted(row)), min_size=1))
    try:
        made = read(name, {column: data.draw(anything) if column in changed else row[column] for column in row})
    except (BadRow, Skipped):
        return
    for column in {"prompt", "completion", "chosen", "rejected"} & set(made):
        assert all(turn["content"].strip() for turn in made[column] or ())
    assert all(made.get(name) is None or isinstance(made[name], str) for name in ("group", "label"))
