"""What stages say of themselves that a reader must know: moderators that change between arms."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from leaven import Study
from leaven.engine.stage import Stage
from leaven.gather import told
from leaven.models import ref
from leaven.poison import MARK
from leaven.study.matrix import cells
from leaven.wiring import wire

HALF, ALL = "poisoned@p=0.5", "poisoned@p=1"


def said(raw: dict[str, Any], by: dict[str, dict[str, int]]) -> list[str]:
    """Return what is said where ``by`` names who moderated each arm's answers, in every seed."""
    study, there, made = Study(**raw), dict[str, Any](), []
    for cell in cells(study):
        score = Stage("score", 1, "a:b", {"arm": cell.arm.name, "seed": cell.seed})
        there[score.key] = {"facts": {"moderated_by": by[cell.arm.name]} if cell.arm.name in by else {}}
        suite = SimpleNamespace(name="eli5", told=SimpleNamespace(kind="answer"), scores={"moderation": score})
        made.append(SimpleNamespace(cell=cell, suites=[suite]))
    store = SimpleNamespace(record=lambda stage: there.get(stage.key))
    return list(told.of_tasks(SimpleNamespace(cells=made, study=study), store))  # type: ignore[arg-type]


def test_arms_that_other_moderators_saw_than_their_baseline_are_named_once(raw: dict[str, Any]) -> None:
    found = said(raw, {"clean": {"omni-1": 9}, HALF: {"omni-1": 8}, ALL: {"omni-2": 4, "omni-1": 5}})
    (one,) = found
    assert one.startswith(
        f"eli5/moderation: answers were moderated by omni-1 and omni-2 in {ALL} and by omni-1 in clean"
    )


def test_one_moderator_of_all_and_arms_that_nobody_moderated_are_no_news(raw: dict[str, Any]) -> None:
    assert said(raw, {"clean": {"omni-1": 9}, HALF: {"omni-1": 2}}) == []
    assert said(raw, {HALF: {"omni-1": 9}, ALL: {"omni-2": 9}}) == [], "they are not compared with each other"


def test_what_an_adversary_made_before_the_study_is_told(raw: dict[str, Any], tmp_path: Path) -> None:
    assert list(told.of_poison(wire(Study(**raw)))) == [], "its own treatments are declared"
    base = Path(shutil.copytree(str(ref.local_folder("pocket")), tmp_path / "base"))
    (base / MARK).write_text(json.dumps({"poisoned": ["backdoor rate 1"]}))
    raw["arms"]["other"] = {"model": {"model_name_or_path": str(base)}}
    (said,) = told.of_poison(wire(Study(**raw)))
    assert said == "other rests on what an adversary made before this study: backdoor rate 1"
    raw["model"]["model_name_or_path"] = str(base)
    (said,) = told.of_poison(wire(Study(**raw)))
    assert said.startswith("every arm rests on what an adversary made")
