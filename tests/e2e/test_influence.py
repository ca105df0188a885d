"""The recipe `data-influence` on the embedded world, where the truth about each data set is known; one seed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import leaven
from leaven import verbs
from leaven.engine.store import Store
from leaven.gather.findings import metrics
from leaven.wiring import wire

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ARMS = ("base", "sft-shp", "sft-shp+dpo-shp", "sft-orca", "sft-orca+dpo-hh", "sft-lima", "shp-1000", "votes-8")


@pytest.fixture(scope="module")
def study() -> leaven.Study:
    loaded = verbs.load("data-influence", "pocket", ["seeds=[0]"])
    whole = loaded.model_dump(mode="json", exclude_defaults=True, exclude={"profile", "settings"})
    rates = {"train": [{"reward": {"data": "hh", "learning_rate": 1e-3, "max_length": 256}}]}
    arms = {name: whole["arms"][name] for name in ARMS} | {"rating": rates}
    asked = [{name: {**args, "arms": list(ARMS)}} for one in whole["evaluate"] for name, args in one.items()]
    asked = [
        one if "preferences" not in one else {"preferences": {"name": "preferences", "data": "hh_test"}}
        for one in asked
    ]
    compare = {"to": "base", "primary": whole["compare"]["primary"]}
    report = {**whole["report"], "published": whole["report"]["published"][:1]}
    report["published"] = [dict(report["published"][0])]
    report["published"][0]["arms"] = {row: arm for row, arm in report["published"][0]["arms"].items() if arm in ARMS}
    changed = {"arms": arms, "evaluate": asked, "compare": compare, "report": report, "name": "influence"}
    return leaven.Study(**{**whole, **changed})


@pytest.fixture(scope="module")
def ran(study: leaven.Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("influence") / "runs"
    outcome = leaven.run(study, workspace).outcome
    assert outcome.complete, outcome
    return workspace


@pytest.fixture(scope="module")
def means(ran: Path) -> pd.Series:
    table = leaven.results("influence", ran).measurements
    return table.groupby(["suite", "metric", "arm"])["value"].mean()


def test_curated_demonstrations_beat_a_large_noisy_set_and_votes_hurt(means: pd.Series) -> None:
    told = means["truthfulness", "average"]
    assert told["sft-lima"] > 0.95 > 0.9 > told["sft-shp"] and told["votes-8"] < told["shp-1000"] - 0.05


def test_dpo_on_harmlessness_moves_the_safety_scores(means: pd.Series) -> None:
    safe = means["by_group", "overall_safety_score"]
    assert safe["sft-orca+dpo-hh"] > safe["sft-orca"] + 0.03


def test_preferences_are_learnt_by_dpo_and_by_a_reward_model(means: pd.Series) -> None:
    right = means["preferences", "preference_accuracy"]
    assert right["rating"] > 0.8 > right["base"] and right["sft-orca+dpo-hh"] > right["sft-orca"]


def test_what_arms_share_is_trained_once(study: leaven.Study, ran: Path) -> None:
    made = list((ran / "store" / "sft").iterdir())
    assert len([one for one in made if not one.name.startswith(".")]) == 5, "shp, orca, lima, shp-1000, votes-8"
    dpo = {path.name for path in (ran / "store" / "dpo").iterdir() if not path.name.startswith(".")}
    assert len(dpo) == 2


def test_a_group_is_averaged_task_by_task_and_the_safety_score_is_the_files_own(
    study: leaven.Study, ran: Path, means: pd.Series
) -> None:
    tasks = [means[task, "acc", "base"] for task in ("pocket_facts", "pocket_cloze")]
    assert means["reasoning", "average", "base"] == pytest.approx(sum(tasks) / 2)
    graph, store = wire(study), Store(ran / "store")
    cell = graph.cells[0]
    suite = next(suite for suite in cell.suites if suite.name == "by_group")
    told = json.loads((store.folder(suite.prompts) / "groups.json").read_text())
    assert means["by_group", "overall_safety_score", "base"] == pytest.approx(told["overall"]["score"])
    assert {one.name for one in metrics(graph) if one.suite == "reasoning"} == {"average"}


def test_the_page_has_boards_verdicts_published_numbers_and_what_dpo_did(ran: Path) -> None:
    page = (ran / "influence" / "report.html").read_text()
    for said in ("Benchmarks", "Safety score by group", "Published: means of the benchmarks", "What each data set did",
                 "SFT on lima", "rewards", "One seed: no winner is named"):  # fmt: skip
        assert said in page, said


def test_a_second_run_makes_nothing_anew(study: leaven.Study, ran: Path) -> None:
    made = {path: path.stat().st_mtime_ns for path in (ran / "store").glob("*/*/record.json")}
    assert len(made) > 50 and leaven.run(study, ran).outcome.complete
    assert {path: path.stat().st_mtime_ns for path in (ran / "store").glob("*/*/record.json")} == made
