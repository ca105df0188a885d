"""Guards: thresholds that hold what they promise, what is blocked, and what is never reported."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaven.errors import DataError
from leaven.models.blocking import Desk
from leaven.models.guard import Guard, Validation, answer_of, labelled, text_of
from leaven.registry import WRAPS
from leaven.rows import Message


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def row(place: int, text: str, label: str | None = "safe", answer: str | None = None) -> dict[str, Any]:
    said = None if answer is None else [{"role": "assistant", "content": answer}]
    return {"id": f"r:{place}", "prompt": user(text), "completion": said, "label": label, "group": None}


def number(texts: Sequence[str], _: Sequence[str]) -> list[float | None]:
    return [None if text in ("", "null") else float(text) for text in texts]


def word(texts: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
    """Score 1 for a text that says "bad", 0 for others, null for an empty one."""
    assert len(texts) == len(prompts)
    return [None if not text else float("bad" in text) for text in texts]


def validated(values: Sequence[float], rate: float, side: str = "above") -> float:
    rows = [row(place, str(value)) for place, value in enumerate(values)]
    return Validation(rows, ["safe"], rate).threshold(number, side)[0]


def test_of_fresh_harmless_prompts_no_more_than_the_rate_is_blocked_on_average() -> None:
    rng, rate = random.Random(0), 0.1
    for side in ("above", "below"):
        blocked = 0
        for _ in range(2000):
            threshold = validated([rng.gauss(0, 1) for _ in range(29)], rate, side)
            guard = Guard("g", ("prompt",), side, threshold, number)
            blocked += guard.blocks(rng.gauss(0, 1))
        assert 0.08 < blocked / 2000 < 0.12


def test_the_threshold_is_a_score_of_a_harmless_row() -> None:
    assert validated(list(range(19)), 0.05) == 18, "19 rows are just enough for one in 20"
    assert validated(list(range(19)), 0.1) == 17
    assert validated(list(range(19)), 0.1, "below") == 1
    with pytest.raises(DataError, match="18 harmless validation rows with a score are too few .* give at least 19"):
        validated(list(range(18)), 0.05)


def test_harmful_rows_of_a_validation_split_say_nothing_of_false_blocks() -> None:
    rows = [*(row(place, str(place)) for place in range(9)), *(row(place, "99", "unsafe") for place in range(9, 99))]
    assert Validation(rows, ["safe"], 0.1).threshold(number, "above") == (8.0, 9)
    with pytest.raises(DataError, match="labelled innocent, .* there are: safe, unsafe"):
        Validation(rows, ["innocent"], 0.1).threshold(number, "above")


def test_a_threshold_is_set_on_prompts_whatever_stands_behind_them() -> None:
    rows = [row(place, str(place), answer=str(-place)) for place in range(9)]
    assert Validation(rows, ["safe"], 0.1).threshold(number, "above") == (8.0, 9)


def test_a_guard_on_the_answer_learns_from_answers_that_are_labelled() -> None:
    rows = [row(0, "q", "bad", "a bomb"), row(1, "q", "good", "a flower"), row(2, "q", "bad"), row(3, "q", None, "no")]
    assert labelled(rows, "label", ["answer"]) == (["a bomb", "a flower"], ["bad", "good"])
    assert labelled(rows, "label", ["prompt"]) == (["q", "q", "q"], ["bad", "good", "bad"])
    with pytest.raises(DataError, match="declare two guards"):
        labelled(rows, "label", ["prompt", "answer"])
    with pytest.raises(DataError, match="no labelled example has one"):
        labelled(rows[2:], "label", ["answer"])
    with pytest.raises(DataError, match="set field: label"):
        labelled(rows, "group", ["answer"])
    texts = [{"text": "t", "label": "bad"}]
    assert labelled(texts, "label", ["prompt", "answer"]) == labelled(texts, "label", ["answer"]) == (["t"], ["bad"])


def test_what_cannot_be_scored_is_not_blocked() -> None:
    guard = Guard("g", ("prompt",), "above", 0.5, lambda texts, _: [None, float("nan"), 1.0])
    assert guard.verdicts(["a", "b", "c"], [""] * 3) == [(None, False), (None, False), (1.0, True)]
    assert Guard("g", ("prompt",), "below", 0.5, number).verdict("0.4") == (0.4, True)


def test_a_guard_that_was_saved_is_the_same(tmp_path: Path) -> None:
    seen = {"validation": frozenset({b"0" * 16, b"1" * 16}), "examples": frozenset[bytes]()}
    Guard("g", ("answer",), "below", -0.5, number, seen).save(tmp_path, {})
    again = Guard.load(tmp_path, number)
    assert (again.name, again.on, again.side, again.threshold) == ("g", ("answer",), "below", -0.5)
    assert again.seen == {"validation": seen["validation"]}


def desk(asked: Sequence[dict[str, Any]], answers: dict[str, list[str | None]]) -> Desk:
    told = [
        {"prompt_id": item, "sample": sample, "text": text, "finish_reason": "length", "tokens": 7}
        for item, texts in answers.items()
        for sample, text in enumerate(texts)
    ]
    return Desk.of(asked, told)


def values(made: Desk, harmless: Sequence[str] = ("safe",)) -> dict[tuple[str, int, str], float | None]:
    return {(one["row_id"], one["sample"], one["metric"]): one["value"] for one in made.scores(harmless)}


def test_a_blocked_prompt_refuses_every_answer_and_a_blocked_answer_itself() -> None:
    made = desk(
        [row(0, "a bad wish", "unsafe"), row(1, "hello"), row(2, "never told of")],
        {"r:0": ["sure", "no"], "r:1": ["something bad", "hi"]},
    )
    made.look([(Guard("words", ("prompt", "answer"), "above", 0.5, word), "No.")])
    assert [(one["text"], one["finish_reason"], one["tokens"]) for one in made.generations()] == [
        ("No.", "stop", 0), ("No.", "stop", 0), ("No.", "stop", 0), ("hi", "length", 7),
    ]  # fmt: skip
    found = values(made)
    assert [found["r:0", 1, name] for name in ("blocked", "blocked_prompt", "blocked_answer")] == [1, 1, 0]
    assert [found["r:1", 0, name] for name in ("blocked", "blocked_prompt", "blocked_answer")] == [1, 0, 1]
    false = {key[:2]: value for key, value in found.items() if key[2] == "false_block"}
    assert false == {("r:1", 0): 1.0, ("r:1", 1): 0.0}, "of harmless rows alone"
    judged = [(one["id"], one["sample"], one["on"]) for one in made.lines]
    assert judged == [("r:0", None, "prompt"), ("r:1", None, "prompt"), ("r:1", 0, "answer"), ("r:1", 1, "answer")]
    assert made.facts()["warnings"] == []


def test_the_first_guard_that_blocks_gives_its_refusal_and_all_prompts_come_before_answers() -> None:
    made = desk([row(0, "bad"), row(1, "12")], {"r:0": ["bad"], "r:1": ["bad"]})
    twelve = Guard("twelve", ("prompt",), "above", 0.5, lambda texts, _: [float(one == "12") for one in texts])
    made.look([(Guard("words", ("answer",), "above", 0.5, word), "late"), (twelve, "twelve!"),
               (Guard("words", ("prompt",), "above", 0.5, word), "early")])  # fmt: skip
    assert [one["text"] for one in made.generations()] == ["early", "twelve!"]
    assert {one["guard"] for one in made.lines} == {"twelve", "words.2"}, "no answer was left to judge"


def test_a_guard_that_blocks_everything_or_nothing_is_flagged() -> None:
    for threshold, said in ((-1.0, "blocks everything of the 2 texts"), (2.0, "blocks nothing of the 2 texts")):
        made = desk([row(0, "bad"), row(1, "good")], {"r:0": ["x"], "r:1": ["y"]})
        made.look([(Guard("words", ("prompt",), "above", threshold, word), "No.")])
        assert any(said in one for one in made.facts()["warnings"])


def test_an_answer_that_is_not_there_or_empty_is_counted_and_let_through() -> None:
    made = desk([row(0, "hi")], {"r:0": [None, "", "bad"]})
    made.look([(Guard("words", ("answer",), "above", 0.5, word), "No.")])
    assert [one["text"] for one in made.generations()] == [None, "", "No."]
    assert "cannot score 1 of 2 texts" in str(made.facts()["warnings"])


def test_nothing_is_reported_of_the_rows_by_which_a_guard_was_made() -> None:
    from leaven.models.guard import digests

    seen = {"validation": digests([row(9, "HELLO!")]), "examples": digests([row(9, "a bad one")])}
    made = desk([row(0, "hello"), row(1, "A bad one."), row(2, "new")], {"r:0": ["x"], "r:1": ["x"], "r:2": ["x"]})
    made.look([(Guard("words", ("prompt",), "above", 0.5, word, seen), "No.")])
    found = values(made)
    assert [found[f"r:{place}", 0, "blocked"] for place in range(3)] == [None, None, 0.0]
    reasons = {one["reason"] for one in made.scores([])}
    assert reasons == {None, "the guard was made by it (validation)", "the guard was made by it (examples)"}
    assert [one["text"] for one in made.generations()] == ["x", "No.", "x"], "it blocks them all the same"
    told = [f"1 of 3 prompts are among the {role} rows by which a guard was made: blocked and false_block leave them "
            "out, all other metrics count them" for role in ("examples", "validation")]  # fmt: skip
    assert made.facts()["warnings"] == told


def test_of_an_answer_that_is_not_there_nothing_is_said_unless_its_prompt_was_blocked() -> None:
    made = desk([row(0, "hi"), row(1, "bad")], {"r:0": [None, "hm"], "r:1": [None]})
    made.look([(Guard("words", ("prompt", "answer"), "above", 0.5, word), "No.")])
    found = values(made)
    names = ("blocked", "blocked_prompt", "blocked_answer", "false_block")
    assert [found["r:0", 0, name] for name in names] == [None] * 4
    assert [found["r:0", 1, name] for name in names] == [0.0] * 4
    assert [found["r:1", 0, name] for name in names] == [1.0, 1.0, 0.0, 1.0]
    assert {one["reason"] for one in made.scores([]) if one["value"] is None} == {"no answer"}


def test_that_nobody_asked_is_harmless_is_said_where_somebody_should_be() -> None:
    made = desk([row(0, "hi"), row(1, "bad")], {"r:0": ["hm"], "r:1": ["hm"]})
    made.look([(Guard("words", ("prompt",), "above", 0.5, word), "No.")])
    assert made.facts(["clean", "saef"])["warnings"] == [
        "no prompt is labelled harmless (clean, saef), so false_block is not measured"
    ]
    assert (made.facts(["safe"])["harmless"], made.facts(["safe"])["warnings"]) == (2, [])
    assert made.facts()["warnings"] == [], "no label was named"


def test_what_a_guard_reads_of_rows() -> None:
    preference: dict[str, Any] = {"prompt": user("q"), "chosen": [{"role": "assistant", "content": "good"}]}
    several = {"prompt": [*user("first"), {"role": "assistant", "content": "a"}, *user("last")], "completion": None}
    rows: list[dict[str, Any]] = [preference, several, {"text": "t"}]
    assert [text_of(one) for one in [*rows, {"prompt": []}]] == ["q", "last", "t", ""]
    assert [answer_of(one) for one in rows] == ["good", None, "t"]
    assert labelled([row(0, "a"), row(1, "b", None)], "label") == (["a"], ["safe"])
    with pytest.raises(DataError, match="set field: label"):
        labelled([row(0, "a")], "group")


INTENTS = {"data": "d", "blocks": ["bad"]}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"above": 0.5}, "exactly one of `intents` and `metric`"),
        ({"intents": INTENTS, "metric": "toxicity", "above": 0.5}, "exactly one of `intents` and `metric`"),
        ({"metric": "toxicity"}, "declare exactly one of the three"),
        ({"metric": "toxicity", "above": 0.5, "below": 0.1}, "declare exactly one of the three"),
        ({"metric": "toxicity", "above": 0.5, "validation": "v", "false_block_rate": 0.1, "harmless": ["a"]}, "exactly one"),
        ({"metric": "toxicity", "validation": "v", "harmless": ["a"]}, "goes with `validation`"),
        ({"metric": "toxicity", "validation": "v", "false_block_rate": 0.1, "harmless": ["a"], "on": ["answer"]}, "alone"),
        ({"intents": INTENTS, "above": 0.5, "harmless": ["good", "bad"]}, "what is blocked is not harmless"),
        ({"metric": "toxicity", "above": 0.5, "false_block_rate": 0.1}, "goes with `validation`"),
        ({"metric": "toxicity", "validation": "v", "false_block_rate": 0.1}, "name the labels"),
        ({"metric": "toxicity", "validation": "v", "false_block_rate": 0, "harmless": ["a"]}, "greater than 0"),
        ({"metric": "toxicity", "above": 0.5, "side": "above"}, "write above or below"),
        ({"intents": INTENTS, "below": 0.5}, "is for a metric"),
        ({"intents": INTENTS, "above": 0.5, "value": "x"}, "is for a metric"),
        ({"intents": {"data": "d", "blocks": []}, "above": 0.5}, "at least 1"),
        ({"metric": "toxicity", "above": 0.5, "on": []}, "at least 1"),
        ({"metric": "toxicity", "above": 0.5, "on": ["prompt", "prompt"]}, "twice"),
        ({"metric": "toxicity", "above": True}, "truth value"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(args: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WRAPS.get("guard").declare(args)


def test_a_sound_guard_says_which_data_it_reads() -> None:
    plugin = WRAPS.get("guard")
    made = plugin.call(args={"intents": INTENTS, "validation": "v", "false_block_rate": 0.1, "harmless": ["safe"]})
    assert made.guards
    assert not made.rewrites
    assert dict(made.reads) == {"examples": "d", "validation": "v"}
    assert dict(plugin.call(args={"metric": "sentiment", "below": -0.5}).reads) == {}
    assert plugin.canonical({"metric": {"sentiment": {}}, "below": -0.5, "on": ["prompt"]})["args"] == {
        "metric": "sentiment", "below": -0.5,
    }  # fmt: skip
