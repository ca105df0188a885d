"""The long table: a value that is of some groups alone has no rows in others, and is not missing there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leaven import Study
from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather.measurements import measurements
from leaven.graph import Graph, Identities, WiredCell, WiredSuite
from leaven.registry import Step
from leaven.study.matrix import cells
from leaven.wiring.measures import of_metric


def put(store: Store, stage: Stage, kind: str, name: str, rows: list[dict[str, Any]]) -> Stage:
    tables.write(store.begin(stage) / f"{name}.parquet", kind, rows)
    store.commit(stage, {"facts": {}})
    return stage


def test_a_value_is_of_its_own_groups_and_missing_in_none_of_the_others(raw: dict[str, Any], tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.open()
    kinds = {"a": "small_talk", "b": "philosophy", "c": "letter"}
    asked = [{"id": name, "prompt": [{"role": "user", "content": name}], "completion": None, "group": kind}
             for name, kind in kinds.items()]  # fmt: skip
    prompts = put(store, Stage("prompts", 1, "a:b", {}), "examples", "rows", asked)
    told = [{"row_id": name, "sample": 0, "metric": metric, "value": value, "reason": None if value else "unscored"}
            for name in kinds for metric, value in (("passes", 1.0), ("competence_small_talk", None))]  # fmt: skip
    scored = put(store, Stage("score", 1, "a:b", {}), "scores", "scores", told)
    measures = tuple(of_metric(Step(name="passes", args={"small_talk": ["small_talk", "hello"]})))
    suite = WiredSuite("greetings", prompts, prompts, {"passes": scored}, measures)
    study = Study(**raw)
    cell = WiredCell(cells(study)[0], {}, [suite])
    table = measurements(Graph(study, [cell], {}, Identities()), store)
    found = table[table["metric"] == "competence_small_talk"]
    assert list(found["group"]) == ["small_talk"], "of the other kinds it says nothing"
    assert found["value"].isna().all(), "what is missing in its own group is missing"
    assert len(table[table["metric"] == "passes"]) == len(kinds)


def test_values_of_one_metric_are_described_each_by_itself() -> None:
    said = {one.name: (one.says, one.groups) for one in of_metric(Step(name="passes"))}
    assert said["passes"][1] == ()
    assert "small talk" in said["competence_small_talk"][0]
    assert said["competence_small_talk"][1] == ("hello", "greeting_elsewhere", "small_talk")
    assert said["competence_on_topic"][1] == ("philosophy", "mathematics")
