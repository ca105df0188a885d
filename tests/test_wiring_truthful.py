"""Answers looked up in data of the study: labels and words are read once, and what a study without them asks is unchanged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from leaven import Study
from leaven.engine.stage import Stage
from leaven.errors import StudyError
from leaven.gather.truthful import agreed
from leaven.graph import Graph, WiredSuite
from leaven.wiring import wire

GUARD = {"guard": {"metric": "length", "on": ["answer"], "above": 3}}


@pytest.fixture
def raw() -> dict[str, Any]:
    sampled = {"prompts": "asked", "max_new_tokens": 8}
    return {
        "name": "looked-up",
        "model": {"model_name_or_path": "pocket"},
        "data": {
            "asked": {"source": "pocket:eli5", "format": "eli5", "take": 5},
            "labels": {"source": "pocket:webgpt", "format": "webgpt", "take": 9},
            "greetings": {"source": "pocket:hello", "format": "hello"},
            "book": {"source": "pocket:philosophers", "format": "prose"},
        },
        "arms": {
            "base": {},
            "prompted": {"wraps": [{"system_prompt": {"text": "Be brief."}}]},
            "guarded": {"wraps": [GUARD]},
        },
        "seeds": [0],
        "evaluate": [
            {"truthful": {**sampled, "labels": "labels"}},
            {"hello": {"prompts": "greetings", "metrics": ["passes"], "lexicon": ["labels", "book"]}},
        ],
        "compare": {"to": "base"},
    }


def suites(graph: Graph, name: str) -> dict[str, WiredSuite]:
    return {cell.cell.arm.name: one for cell in graph.cells for one in cell.suites if one.name == name}


def only(stages: list[Stage]) -> Stage:
    (found,) = {one.key: one for one in stages}.values()
    return found


def test_labels_are_read_once_and_every_arm_is_judged_by_the_bare_question(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    scored = {arm: one.scores["truthful"] for arm, one in suites(graph, "truthful").items()}
    people = only([one.inputs["people"] for one in scored.values()])
    assert people.inputs["rows"].key == graph.data["labels"].key and people.args == {}
    assert only([one.inputs["prompts"] for one in scored.values()]).kind == "prompts"
    assert scored["prompted"].inputs["generations"].inputs["prompts"].inputs["rows"].kind == "wrapped"
    assert scored["guarded"].inputs["generations"].kind == "guarded"
    assert "blocked" in [one.name for one in suites(graph, "truthful")["guarded"].measures]
    assert not any(one.unreached for one in suites(graph, "truthful").values())


def test_only_what_differs_from_the_default_enters_a_key(raw: dict[str, Any]) -> None:
    before = suites(wire(Study(**raw)), "truthful")["base"]
    raw["evaluate"][0]["truthful"]["least"] = 0.2
    assert suites(wire(Study(**raw)), "truthful")["base"].scores["truthful"].key == before.scores["truthful"].key
    raw["evaluate"][0]["truthful"]["least"] = 0.4
    after = suites(wire(Study(**raw)), "truthful")["base"]
    assert after.scores["truthful"].args == {"least": 0.4} and after.told.key == before.told.key


def test_a_lexicon_changes_scoring_alone(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    words = only([one.scores["unknown_words"].inputs["lexicon"] for one in suites(graph, "greetings").values()])
    assert {one.key for one in words.inputs.values()} == {graph.data[name].key for name in ("labels", "book")}
    guarded = suites(graph, "greetings")["guarded"]
    assert guarded.scores["unknown_words"].inputs["generations"].kind == "guarded"
    del raw["evaluate"][1]["hello"]["lexicon"]
    plain = suites(wire(Study(**raw)), "greetings")
    for arm, one in suites(graph, "greetings").items():
        assert plain[arm].told.key == one.told.key and "unknown_words" not in plain[arm].scores
        assert plain[arm].scores["passes"].key == one.scores["passes"].key
        assert [m.name for m in one.measures if m not in plain[arm].measures] == ["unknown_words"]


@pytest.mark.parametrize(("place", "suite", "value", "says"), [
    (0, "truthful", {"labels": "label"}, "evaluate.0.truthful.labels: there is no data called 'label'"),
    (1, "hello", {"lexicon": ["book", "bok"]}, "evaluate.1.hello.lexicon.1: there is no data called 'bok'"),
    (1, "hello", {"lexicon": "book"}, "evaluate.1.hello.lexicon"),
    (0, "truthful", {"labels": ["labels"]}, "evaluate.0.truthful.labels"),
])  # fmt: skip
def test_what_is_looked_in_must_be_there(
    raw: dict[str, Any], place: int, suite: str, value: dict[str, Any], says: str
) -> None:
    raw["evaluate"][place][suite].update(value)
    with pytest.raises(StudyError) as found:
        Study(**raw)
    assert says in str(found.value)


def test_how_far_the_judge_is_right_is_gathered_once_a_suite(raw: dict[str, Any]) -> None:
    graph = wire(Study(**raw))
    said = {"answers": 9, "verdicts": 6, "accuracy": 0.5, "of_true": 0.4, "of_false": None, "majority": 0.6}
    facts = {"agreement": {**said, "bands": [{"from": 0.0, "to": 0.1, "answers": 3, "accuracy": None}]}}
    store = SimpleNamespace(record=lambda stage: {"facts": facts} if stage.kind == "people_said" else None)
    every, band = agreed(graph, store)  # type: ignore[arg-type]
    assert (every.suite, every.band, every.answers, every.total, every.accuracy) == ("truthful", None, 6, 9, 0.5)
    assert (band.band, band.answers, band.accuracy) == ((0.0, 0.1), 3, None)
    nothing = SimpleNamespace(record=lambda stage: None)
    assert not list(agreed(graph, nothing))  # type: ignore[arg-type]
