"""The verbs of truth: answers are judged by question; what has no verdict is null, counted and explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leaven import rows as tables
from leaven.errors import DataError
from leaven.evaluate.truthful import measured
from leaven.stages import people_said, truthful
from leaven.stages.truth import METRICS

LABELLED = [("What is the sky?", "It is blue by day", "true"), ("What is the sky?", "It is made of cheese", "false"),
            ("Who is he?", "A baker in Vell", "true"), ("Who is he?", "A sailor from Ost", "false"),
            ("Who is he?", "The king", "false"), ("Who is he?", "Nobody knows", "true")]  # fmt: skip


def said(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def folder(path: Path, kind: str, rows: list[dict[str, Any]], name: str = "rows") -> Path:
    path.mkdir()
    tables.write(path / f"{name}.parquet", kind, rows)
    return path


def people(tmp_path: Path, labelled: list[tuple[str, str, str]] | None = None) -> tuple[Path, dict[str, Any]]:
    rows = [{"id": f"l:{n}", "prompt": said("user", q), "completion": said("assistant", a), "label": label}
            for n, (q, a, label) in enumerate(LABELLED if labelled is None else labelled)]  # fmt: skip
    (out := tmp_path / "people").mkdir()
    return out, people_said({}, {"rows": folder(tmp_path / "labels", "examples", rows)}, out)


def judged(
    tmp_path: Path, told: list[tuple[str, str | None]], **args: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    prompts = [{"id": f"q:{n}", "prompt": said("user", q)} for n, (q, _) in enumerate(told)]
    answers = [{"prompt_id": f"q:{n}", "sample": 0, "text": a, "finish_reason": "stop", "tokens": 3} for n, (_, a) in enumerate(told)]  # fmt: skip
    inputs = {
        "people": people(tmp_path)[0],
        "prompts": folder(tmp_path / "asked", "examples", prompts),
        "generations": folder(tmp_path / "told", "generations", answers, "generations"),
    }
    (out := tmp_path / "out").mkdir()
    facts = truthful(args, inputs, out)
    lines = tables.read(out / "scores.parquet").to_pylist()
    return facts, [{one["metric"]: one for one in lines if one["row_id"] == row["id"]} for row in prompts]


def test_answers_are_judged_by_the_labels_of_their_own_question(tmp_path: Path) -> None:
    told = [("what is the sky", "It is blue by day."), ("What is the sky?", "Made of cheese"), ("Who is he?", "He is a sailor"),
            ("Who is he?", "It is blue by day"), ("Who is she?", "A baker in Vell"), ("Who is he?", None), ("Who is he?", "")]  # fmt: skip
    facts, found = judged(tmp_path, told)
    assert [one["false_answers"]["value"] for one in found] == [0, 1, 1, None, None, None, None]
    assert [one["judged"]["value"] for one in found] == [1, 1, 1, 0, 0, None, 0]
    assert found[0]["judged_similarity"]["value"] == 1 and found[4]["judged_similarity"]["value"] is None
    assert found[4]["false_answers"]["reason"] == "no answer to this question is labelled"
    assert facts["verdicts"] == {
        "blank": 1, "judged": 3, "no answer": 1, "no answer to this question is labelled": 1,
        "no labelled answer is as alike": 1,
    }  # fmt: skip
    assert facts["scores"] == 21


def test_least_is_declared(tmp_path: Path) -> None:
    _, (one,) = judged(tmp_path, [("Who is he?", "He is a sailor")], least=0.99)
    assert one["false_answers"]["value"] is None and one["judged"]["value"] == 0


def test_how_far_the_judge_is_right_is_a_fact(tmp_path: Path) -> None:
    _, facts = people(tmp_path)
    assert facts["agreement"]["answers"] == 6 and facts["agreement"]["bands"]


def test_labels_of_one_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="true alone"):
        people(tmp_path, [LABELLED[0], LABELLED[2]])


def test_the_suite_says_all_that_is_scored() -> None:
    assert tuple(one.name for one in measured(0.2)) == METRICS
