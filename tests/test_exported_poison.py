"""Whatever rests on an adversary's data is told so: through models, judges, and exports that come back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leaven.engine.stage import Needs, Stage
from leaven.exported import poison
from leaven.registry import TREATMENTS, Step


def test_poison_is_found_however_far_below() -> None:
    rows = Stage("treat", 1, "m:f", {"steps": [{"name": "malign_labels", "args": {"rate": 0.5}}]})
    writer = Stage("sft", 1, "m:f", {}, {"encoded": rows})
    built = Stage("built", 1, "m:f", {}, {"answers": Stage("answers", 1, "m:f", {}, {"model": writer})})
    assert poison.poisoned(Stage("dpo", 1, "m:f", {}, {"encoded": built})) == ["malign_labels rate 0.5"]


@pytest.mark.parametrize(("name", "is_one"), [
    ("malign_labels", True), ("flip_preferences", True), ("malign_prompts", True), ("backdoor", True),
    ("plant_answers", True), ("control_tokens", False),
])  # fmt: skip
def test_adversaries_are_told_from_others_by_their_trait(name: str, is_one: bool) -> None:
    assert poison.is_adversarial(name) is poison.is_adversarial(Step(name=name)) is is_one
    assert TREATMENTS.get(name).traits.get("adversarial", False) is is_one


def test_an_export_that_serves_as_a_base_passes_its_warning_on(tmp_path: Path) -> None:
    (tmp_path / poison.MARK).write_text(json.dumps({"poisoned": ["backdoor rate 1"]}))
    stage = Stage("sft", 1, "m:f", {}, needs=Needs(paths={"base": str(tmp_path)}))
    assert poison.poisoned(stage) == ["backdoor rate 1"]
    (tmp_path / poison.MARK).write_text("[torn")
    assert poison.poisoned(stage) == []


@pytest.mark.parametrize("source", ["", "data", "data/train.parquet", "train.jsonl"])
def test_exported_data_that_serves_as_a_source_passes_its_warning_on(tmp_path: Path, source: str) -> None:
    out = tmp_path / "out"
    (out / "data").mkdir(parents=True)
    (out / "data" / "train.parquet").touch()
    (out / "train.jsonl").touch()
    (out / poison.MARK).write_text(json.dumps({"poisoned": ["backdoor rate 1"]}))
    rows = Stage("rows", 1, "m:f", {}, needs=Needs(paths={"source": str(out / source)}))
    assert poison.poisoned(Stage("sft", 1, "m:f", {}, {"encoded": rows})) == ["backdoor rate 1"]
    (tmp_path / "own.jsonl").touch()
    assert (
        poison.poisoned(Stage("rows", 1, "m:f", {}, needs=Needs(paths={"source": str(tmp_path / "own.jsonl")}))) == []
    )


def test_an_exported_judge_that_was_poisoned_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / poison.MARK).write_text(json.dumps({"poisoned": ["malign_labels rate 1"]}))
    ranks = Stage("ranks", 1, "m:f", {}, needs=Needs(paths={"classifier": str(tmp_path)}))
    assert poison.poisoned(Stage("built", 1, "m:f", {}, {"ranks": ranks})) == ["malign_labels rate 1"]
