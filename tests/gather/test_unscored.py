"""Why values are missing: what a scorer says, else that there was no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import Study
from leaven import rows as tables
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.gather.measurements import reasons
from leaven.graph import Graph, Identities, WiredCell, WiredSuite
from leaven.study.matrix import expand


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


def put(store: Store, stage: Stage, kind: str, rows: list[dict[str, Any]]) -> Stage:
    tables.write(store.begin(stage) / f"{kind}.parquet", kind, rows)
    store.commit(stage, {"facts": {}})
    return stage


def test_a_scorers_reason_is_told_and_an_empty_answer_is_one(raw: dict[str, Any], store: Store) -> None:
    texts = ["", " \n", "Yes.", "No."]
    answers = put(store, Stage("generate", 1, "a:b", {}), "generations",
                  [{"prompt_id": f"p{i}", "sample": 0, "text": text} for i, text in enumerate(texts)])  # fmt: skip
    values = [(None, "unscored"), (None, "unscored"), (None, "unscored"), (0.0, None)]
    said = [(float("nan"), None), (1.0, None), (None, "the server refused the text"), (1.0, None)]
    scored = [
        put(store, Stage("score", 1, "a:b", {"metric": metric}, {"generations": answers}), "scores",
            [{"row_id": f"p{i}", "sample": 0, "metric": metric, "value": value, "reason": reason}
             for i, (value, reason) in enumerate(of)])
        for metric, of in (("harmful", values), ("moderated", said))
    ]  # fmt: skip
    absent = Stage("score", 1, "a:b", {"metric": "never made"}, {"generations": answers})
    suite = WiredSuite("eli5", answers, answers, {"harmful": scored[0], "moderated": scored[1], "x": absent}, ())
    study = Study(**raw)
    cell = WiredCell(expand(study)[0], {}, [suite])  # type: ignore[arg-type]
    assert reasons(Graph(study, [cell], {}, Identities()), store) == {
        ("eli5", "harmful"): {"the answer is empty": 2},
        ("eli5", "moderated"): {"the answer is empty": 1, "the server refused the text": 1},
    }


def test_a_score_of_no_generations_has_no_empty_answers(raw: dict[str, Any], store: Store) -> None:
    stage = put(store, Stage("perplexity", 1, "a:b", {}), "scores",
                [{"row_id": "p", "sample": 0, "metric": "nats", "value": None, "reason": "unscored"}])  # fmt: skip
    study = Study(**raw)
    cell = WiredCell(expand(study)[0], {}, [WiredSuite("held", stage, stage, {"nats": stage}, ())])  # type: ignore[arg-type]
    assert reasons(Graph(study, [cell], {}, Identities()), store) == {}
