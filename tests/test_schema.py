"""The JSON Schema of study files agrees with `leaven check` on what people write and on what they get wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from leaven import verbs
from leaven.errors import StudyError
from leaven.schema import study_schema
from leaven.study.load import load
from leaven.study.spec import Study

ROOT = Path(__file__).parents[1]
STUDIES = [*sorted((ROOT / "src/leaven/studies").glob("*.yaml")), *sorted((ROOT / "studies/examples").glob("*.yaml"))]
VALIDATOR = jsonschema.Draft202012Validator(study_schema())
Change = Callable[[dict[str, Any]], Any]


def whole(file: Path) -> Any:
    """Return all that a file says, its profiles too, which ``load`` takes out."""
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(file.read_text())


def put(value: Any, *steps: str | int) -> Change:
    def change(raw: dict[str, Any]) -> None:
        at: Any = raw
        for step in steps[:-1]:
            at = at[step]
        at[steps[-1]] = value

    return change


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(study_schema())


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_the_studies_here_validate(file: Path) -> None:
    assert STUDIES and not list(VALIDATOR.iter_errors(whole(file)))


SOUND = {
    "rewarded by an arm": put([{"rl": {"data": "webgpt", "reward": {"arm": "rm"}}}], "arms", "clean", "train"),
    "rewarded by a metric": put(
        [{"rl": {"data": "webgpt", "reward": {"metric": {"toxicity": {"classifier": "oracle"}}, "weight": -1}}}],
        "arms",
        "clean",
        "train",
    ),
    "composed by names": put({"adapters": ["a", {"arm": "b", "weight": 0.5}]}, "arms", "clean", "compose"),
    "null arm": put(None, "arms", "clean"),
    "swept in training": put([{"sft": {"data": "webgpt", "learning_rate": "${p}"}}], "arms", "poisoned", "train"),
    "swept inside peft": put({"r": "${p}", "target_modules": ["${p}"]}, "train", 0, "sft", "peft"),
    "swept model": put({"dtype": "${p}"}, "arms", "poisoned", "model"),
    "metric with nothing behind it": put([{"length": None}], "evaluate", 0, "generate", "metrics"),
    "format with arguments": put({"webgpt": {"ties": "random"}}, "data", "webgpt", "format"),
    "untrained": put([], "arms", "clean", "train"),
    "profile in part": put(
        {"tiny": {"data": {"eli5": {"take": 3}}, "arms": {"clean": None}, "seeds": [0]}, "empty": None}, "profiles"
    ),
}


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND)
def test_what_may_be_written(raw: dict[str, Any], change: Change) -> None:
    change(raw)
    assert not list(VALIDATOR.iter_errors(raw))


WRONG = {
    "rewarded by nobody": put([{"rl": {"data": "webgpt"}}], "arms", "clean", "train"),
    "rewarded by no metric": put(
        [{"rl": {"data": "webgpt", "reward": {"metric": "toxicty"}}}], "arms", "clean", "train"
    ),
    "misspelt argument": put({"data": "webgpt", "learnin_rate": 1e-3}, "train", 0, "sft"),
    "misspelt argument of peft": put({"rank": 8}, "train", 0, "sft", "peft"),
    "wrong type": put("fast", "train", 0, "sft", "learning_rate"),
    "a truth value for a number": put(True, "train", 0, "sft", "max_length"),
    "unknown treatment": put([{"malign_label": {"rate": 0.5}}], "arms", "poisoned", "treat"),
    "treatment without its rate": put(["malign_labels"], "arms", "poisoned", "treat"),
    "rate above 1": put([{"malign_labels": {"rate": 1.5}}], "arms", "poisoned", "treat"),
    "trainer without data": put(["sft"], "train"),
    "unknown metric": put(["toxicty"], "evaluate", 0, "generate", "metrics"),
    "misspelt argument of a metric": put([{"toxicity": {"clasifier": "oracle"}}], "evaluate", 0, "generate", "metrics"),
    "swept value outside of arms": put("${p}", "evaluate", 0, "generate", "max_new_tokens"),
    "unknown format": put("webgtp", "data", "webgpt", "format"),
    "unknown field": put(1, "sedes"),
    "no seeds": put([], "seeds"),
    "a list in a sweep": put([[1]], "arms", "poisoned", "sweep", "p"),
    "a name that is no folder's": put({}, "arms", "a/b"),
    "two plug-ins in one step": put([{"length": {}, "rouge": {}}], "evaluate", 0, "generate", "metrics"),
    "too many primaries": put(["toxicity", "length", "a", "b"], "compare", "primary"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_wrong_for_the_schema_and_for_check(raw: dict[str, Any], change: Change) -> None:
    assert not list(VALIDATOR.iter_errors(raw))
    change(raw)
    assert list(VALIDATOR.iter_errors(raw))
    with pytest.raises(StudyError):
        Study(**raw)


@pytest.mark.parametrize(
    "over", [{"sedes": [1]}, {"train": [{"sft": {"data": "x", "lr": 1}}]}, {"arms": {"a": {"x": 1}}}]
)
def test_profiles_are_looked_into(raw: dict[str, Any], over: dict[str, Any]) -> None:
    raw["profiles"] = {"bad": over}
    assert list(VALIDATOR.iter_errors(raw))


def test_the_command_prints_it_for_any_json_reader() -> None:
    code = "from leaven.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "schema"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == study_schema()


def test_a_study_begun_by_init_validates(tmp_path: Path) -> None:
    code = "from leaven.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, "init", "mine.yaml"], cwd=tmp_path, check=True, capture_output=True)
    assert not list(VALIDATOR.iter_errors(whole(tmp_path / "mine.yaml")))
    assert verbs.check(tmp_path / "mine.yaml").name == "mine" == load(tmp_path / "mine.yaml").raw["name"]
