"""What `check` finds outside the file: the classifiers of metrics, without the network and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaven import outside, verbs
from leaven.errors import StudyError
from leaven.models import ref
from leaven.study.load import Loaded, Places


def said(raw: dict[str, Any], *metrics: Any) -> list[str]:
    raw["evaluate"][0]["generate"]["metrics"] = list(metrics)
    return [str(problem) for problem in outside.problems(Loaded(raw, Places()))]


@pytest.mark.parametrize(
    ("args", "wrong"),
    [
        ({"classifier": "biultin"}, "did you mean 'builtin'?"),
        ({"classifier": "./nowhere/at/all"}, "is no folder and no name of the hub"),
        ({"classifier": "oracle", "label": "x"}, "takes no label; take it out"),
        ({"classifier": "~nobody-at-all/x"}, "home"),
    ],
)
def test_a_wrong_classifier_is_told_at_its_metric(raw: dict[str, Any], args: dict[str, Any], wrong: str) -> None:
    (found,) = said(raw, "length", {"toxicity": args})
    assert found.startswith("evaluate.0.generate.metrics.1: ") and wrong in found


@pytest.mark.parametrize(
    "metric",
    [
        "toxicity",
        {"toxicity": {"classifier": "oracle"}},
        {"toxicity": {"classifier": "owner/name"}},  # of the hub: nobody is asked
        {"toxicity": {"classifer": "oracle"}},  # the rest is told with the structure
        {"toxcity": {"classifier": "x"}},
        {"a": {}, "b": {}},
        7,
    ],
)
def test_what_is_sound_or_told_elsewhere_is_passed_over(raw: dict[str, Any], metric: Any) -> None:
    assert said(raw, metric) == []
    for evaluate in ({}, [7], [{"generate": {"metrics": {"x": 1}}}], None):
        assert outside.problems(Loaded({**raw, "evaluate": evaluate}, Places())) == []


def test_a_folder_that_is_no_classifier_is_told_without_torch(raw: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"]}))
    raw["evaluate"][0]["generate"]["metrics"] = [{"toxicity": {"classifier": str(tmp_path)}}]
    code = (
        "import json, sys\nfrom leaven import outside\nfrom leaven.study.load import Loaded, Places\n"
        "print(*outside.problems(Loaded(json.load(sys.stdin), Places())), sep='\\n')\n"
        "print(sorted({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(raw), capture_output=True, text=True, check=True
    )
    found, heavy = done.stdout.splitlines()
    assert found.startswith("evaluate.0.generate.metrics.0: ") and "GPT2LMHeadModel, which is no text-classif" in found
    assert heavy == "[]"


def test_files_that_a_task_lacks_hide_no_other_fault_and_make_no_second_one(
    raw: dict[str, Any], study_file: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    (tmp_path / "arc_challenge").mkdir()
    raw["evaluate"] = [{"harness": {"tasks": ["arc_easy"], "local": str(tmp_path), "arms": ["nope"]}}]
    raw["compare"] = {"to": "bas", "primary": ["arc_easy/acc"]}
    with pytest.raises(StudyError) as caught:
        verbs.check(study_file(raw))
    found = str(caught.value)
    assert "evaluate.0.harness" in found and "ARC-Easy-Test.jsonl" in found
    assert "there is no arm called 'nope'" in found and "there is no arm called 'bas'" in found
    assert "nothing measures" not in found


def conditioned(raw: dict[str, Any], **attribute: Any) -> str:
    """What is wrong outside the file with a study that labels sentences of the pocket's prose."""
    tox = {
        "metric": "toxicity",
        "thresholds": [0.5],
        "tokens": ["<|nontoxic|>", "<|toxic|>"],
        "good": "<|nontoxic|>",
        **attribute,
    }
    raw["data"]["prose"] = {"source": "pocket:pile", "format": "pile", "corpus": {"sources": ["modds"]}}
    raw["attributes"] = {"tox": tox}
    return "\n".join(said(raw, "length"))


def test_a_source_of_a_corpus_that_is_like_one_of_the_first_rows_is_asked_back(raw: dict[str, Any]) -> None:
    assert "data.prose.corpus: no document is of a source 'modds'; did you mean 'moods'?" in conditioned(raw)


def test_a_control_token_that_the_vocabulary_has_is_refused(raw: dict[str, Any]) -> None:
    known = max(ref.vocabulary(ref.local_folder("pocket") or Path()), key=len)
    found = conditioned(raw, tokens=[known, "<|pos|>"], good=known)
    assert f"attributes.tox.tokens: '{known}' stands in the model's vocabulary already" in found


def test_the_classifier_of_an_attribute_and_of_its_judge_must_be_there(raw: dict[str, Any]) -> None:
    nowhere = {"toxicity": {"classifier": "./nowhere"}}
    found = conditioned(raw, metric=nowhere, judge={"metric": nowhere, "thresholds": [0.5]})
    assert "attributes.tox.metric: toxicity's classifier './nowhere'" in found
    assert "attributes.tox.judge.metric: toxicity's classifier './nowhere'" in found
