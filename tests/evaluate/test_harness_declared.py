"""What a suite of benchmarks declares, what of it enters keys, and what is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from leaven.errors import DataError
from leaven.evaluate.harness import HarnessSuite
from leaven.evaluate.tasks import given, info
from leaven.evaluate.tasks.problems import problems
from leaven.registry import SUITES


def declared(**args: Any) -> HarnessSuite:
    suite: HarnessSuite = SUITES.get("harness").call(args=args)
    return suite


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """PIQA and ARC in their original layouts, two rows each."""
    (tmp_path / "piqa").mkdir()
    rows = [{"goal": f"goal {n}", "sol1": "one", "sol2": "two"} for n in range(2)]
    (tmp_path / "piqa" / "valid.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "piqa" / "valid-labels.lst").write_text("0\n1\n")
    (tmp_path / "arc").mkdir()
    choices = [{"text": text, "label": label} for text, label in (("x", "A"), ("y", "B"), ("z", "C"))]
    row = {"id": "i", "question": {"stem": "Why?", "choices": choices}, "answerKey": "B"}
    for part in ("Test", "Dev"):
        (tmp_path / "arc" / f"ARC-Challenge-{part}.jsonl").write_text(json.dumps(row) + "\n")
    return tmp_path


def test_named_groups_are_the_studys() -> None:
    suite = declared(tasks=["reasoning", "safety", "piqa", "gsm8k"])
    assert suite.tasks == ("arc_challenge", "piqa", "hellaswag", "mmlu", "toxigen", "truthfulqa_mc2", "gsm8k")
    assert suite.groups == {
        "reasoning": (("arc_challenge", "acc_norm"), ("piqa", "acc_norm"), ("hellaswag", "acc_norm"), ("mmlu", "acc")),
        "safety": (("toxigen", "acc_norm"), ("truthfulqa_mc2", "acc")),
    }


def test_groups_of_ones_own() -> None:
    suite = declared(tasks=[{"reasoning": ["pocket_facts", {"arc_easy": "acc"}]}])
    assert suite.groups == {"reasoning": (("pocket_facts", "acc_norm"), ("arc_easy", "acc"))}
    assert suite.tasks == ("pocket_facts", "arc_easy")


def test_what_equals_lm_evals_defaults_stays_out_of_keys() -> None:
    assert declared(tasks=["piqa"]).settings == {}
    same = {"num_fewshot": None, "batch_size": 1, "seed": [0, 1234, 1234, 1234], "gen_kwargs": {}, "limit": None}
    assert declared(tasks=["piqa"], **same).settings == {}
    other = {"num_fewshot": 0, "batch_size": 16, "limit": 0.5, "apply_chat_template": True, "system_instruction": "x"}
    assert declared(tasks=["piqa"], **other).settings == other


def test_places_stay_out_of_keys_and_content_does_not(data: Path, tmp_path: Path) -> None:
    suite = declared(tasks=["piqa"], local=str(data))
    before = suite.args("piqa")
    assert suite.paths("piqa") == {"task_data": str(data / "piqa")}
    assert str(data) not in json.dumps(before)
    moved = declared(tasks=["piqa"], local={"piqa": str((data / "piqa").rename(tmp_path / "elsewhere"))})
    assert moved.args("piqa") == before
    (tmp_path / "elsewhere" / "valid-labels.lst").write_text("1\n1\n")
    assert moved.args("piqa") != before


def test_a_corpus_of_the_pocket_is_in_the_key() -> None:
    suite = declared(tasks=["arc_challenge"], local="pocket:multiple_choice")
    args = suite.args("arc_challenge")
    assert (args["source"], suite.paths("arc_challenge")) == ("pocket:multiple_choice", {})
    assert next(iter(args["identity"]["data"].values())).startswith("pocket:multiple_choice@")


def test_the_hub_is_asked_once_a_set_and_pins_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def commit(name: str, revision: str | None) -> str:
        asked.append((name, revision))
        return "c" * 40

    monkeypatch.setattr(given.hub, "commit", commit)
    known = info.identity("mmlu")
    assert asked == [("cais/mmlu", None)], "57 tasks read one set"
    assert known["data"] == {"cais/mmlu@main": f"hub:cais/mmlu@{'c' * 40}"}
    provisional = info.identity("mmlu", ask=False)
    assert provisional["data"] == {"cais/mmlu@main": "hub:cais/mmlu@main?"}


def test_a_hub_that_cannot_be_reached_says_what_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, revision: str | None) -> str:
        raise DataError("the hub cannot be asked (offline)")

    monkeypatch.setattr(given.hub, "commit", offline)
    with pytest.raises(DataError, match=r"data of task 'piqa' \(baber/piqa\) cannot be reached: .*offline.*`local: "):
        declared(tasks=["piqa"]).args("piqa")
    with pytest.raises(DataError, match="include_path"):
        declared(tasks=["winogrande"]).args("winogrande")


@pytest.mark.parametrize(
    ("args", "field", "said"),
    [
        ({"tasks": []}, "tasks", "at least 1"),
        ({"tasks": [{"mine": []}]}, "tasks", "at least one task"),
        ({"tasks": [{"a": ["piqa"], "b": ["piqa"]}]}, "tasks", "group of your own"),
        ({"limit": 0}, "limit", "above 0"),
        ({"limit": -3}, "limit", "above 0"),
        ({"limit": 2.5}, "limit", "whole number"),
        ({"num_fewshot": -1}, "num_fewshot", "greater than or equal to 0"),
        ({"batch_size": 0}, "batch_size", "greater than or equal to 1"),
        ({"fewshot_as_multiturn": True}, "fewshot_as_multiturn", "apply_chat_template: true"),
        ({"seed": [1]}, "seed", "four seeds"),
        ({"apply_chat_template": "yes"}, "apply_chat_template", "true or false"),
    ],
)
def test_arguments_that_cannot_be(args: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        declared(**{"tasks": ["piqa"], **args})
    errors = refused.value.errors()
    assert {error["loc"][0] for error in errors} == {field}
    assert any(said in error["msg"] for error in errors)


@pytest.mark.parametrize(
    ("args", "place", "said"),
    [
        ({"tasks": ["piqq"]}, ("tasks", 0), "did you mean 'piqa'"),
        ({"tasks": [{"mine": [{"piqa": "acc_nrm"}]}]}, ("tasks", 0, "mine", 0), "no metric 'acc_nrm'"),
        ({"tasks": ["wikitext"]}, ("tasks", 0), "mean over its documents"),
        ({"tasks": ["squadv2"]}, ("tasks", 0), "written in Python"),
        ({"tasks": ["humaneval"]}, ("tasks", 0), "runs code that the model writes"),
        ({"tasks": ["piqa"], "include_path": "nowhere"}, ("include_path",), "is no folder"),
        ({"tasks": ["piqa"], "local": "nowhere"}, ("local",), "no folder nowhere"),
        ({"tasks": ["mmlu"], "local": "DATA"}, ("local",), "no folder for 'mmlu'"),
        ({"tasks": ["piqa"], "local": {"piqa": "DATA/arc"}}, ("tasks", 0), "lacks valid.jsonl and valid-labels.lst"),
        ({"tasks": ["piqa"], "local": {"arc_challenge": "DATA/arc"}}, ("local", "arc_challenge"), "is no task"),
        ({"tasks": ["truthfulqa_gen"], "local": {"truthfulqa_gen": "DATA/arc"}}, ("tasks", 0), "do not have"),
        ({"tasks": ["winogrande"], "local": {"winogrande": "DATA"}}, ("tasks", 0), "name its folder as include_path"),
        ({"tasks": ["piqa"], "local": "pocket:eli6"}, ("local",), "did you mean 'eli5'"),
        ({"tasks": ["piqa"], "local": "pocket:eli5"}, ("tasks", 0), "take pocket:multiple_choice"),
        ({"tasks": ["piqa"], "local": "DATA", "num_fewshot": 4}, ("num_fewshot",), "split 'train'"),
        ({"tasks": ["piqa", "piqa"], "local": "DATA"}, ("tasks",), "stands 2 times"),
        ({"tasks": ["safety", {"safety": ["piqa"]}]}, ("tasks",), "two groups are called 'safety'"),
        ({"tasks": [{"mine": ["piqa", {"piqa": "acc"}]}]}, ("tasks", 0, "mine"), "name each task of a group once"),
        ({"tasks": [{"piqa": ["piqa", "arc_easy"]}]}, ("tasks",), "'piqa', as one of the tasks is rename the group"),
        ({"tasks": [{"piqa": ["arc_easy"]}, "piqa"]}, ("tasks",), "rename the group"),
    ],
)
def test_problems_are_told_before_anything_is_trained(
    args: dict[str, Any], place: tuple[Any, ...], said: str, data: Path
) -> None:
    found = problems(json.loads(json.dumps(args).replace("DATA", str(data))))
    assert [one[0] for one in found] == [place]
    assert said in f"{found[0][1]} {found[0][2]}"


def test_a_task_may_stand_in_several_groups() -> None:
    assert problems({"tasks": [{"mine": ["piqa", "arc_easy"]}, {"yours": ["piqa"]}, "reasoning"]}) == []


def test_sound_declarations_have_no_problems(data: Path) -> None:
    assert problems({"tasks": ["arc_challenge", "piqa"], "local": str(data)}) == []
    assert problems({"tasks": ["truthfulqa_mc2", "mmlu", "gsm8k"], "num_fewshot": 5}) == []
    assert problems({"tasks": ["toxigen", "pocket_facts"], "local": "pocket:toxigen"}) == []
