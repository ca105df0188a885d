"""A benchmark asked of the embedded model: rows, scores and predictions by document, and lm-eval's own aggregates."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaven import stages
from leaven.errors import DataError
from leaven.evaluate.tasks import info
from leaven.models import ref
from leaven.registry import SUITES
from leaven.rows import read


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a local benchmark reaches for the network")

    monkeypatch.setattr(socket.socket, "connect", refused)


class Asked:
    """What a stage left: its facts and tables."""

    def __init__(self, facts: dict[str, Any], out: Path):
        self.facts = facts
        self.out = out

    def rows(self, name: str = "rows") -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = read(self.out / f"{name}.parquet").to_pylist()
        return listed

    def values(self, metric: str) -> dict[str, float | None]:
        return {row["row_id"]: row["value"] for row in self.rows("scores") if row["metric"] == metric}


def ask(out: Path, task: str, **declared: Any) -> Asked:
    base = ref.resolve({"model_name_or_path": "pocket"})
    suite = SUITES.get("harness").call(args={"tasks": [task], **declared})
    places = {name: Path(path) for name, path in suite.paths(task).items()}
    out.mkdir(exist_ok=True)
    args = {"model": base.as_args(), **suite.args(task)}
    return Asked(stages.harness(args, {"base": Path(str(base.path)), **places}, out), out)


@pytest.fixture(scope="module")
def facts_asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return ask(tmp_path_factory.mktemp("facts"), "pocket_facts", limit=40, batch_size=8)


def test_values_of_items_are_lm_evals_aggregates(facts_asked: Asked) -> None:
    told = facts_asked.facts["values"]["pocket_facts"]
    assert set(told) == {"acc,none", "acc_norm,none"}
    for name in ("acc", "acc_norm"):
        values = list(facts_asked.values(name).values())
        assert len(values) == 40 and set(values) <= {0.0, 1.0}
        assert sum(v for v in values if v) / 40 == pytest.approx(told[f"{name},none"], abs=1e-12)
    results = json.loads((facts_asked.out / "results.json").read_text())
    assert results["results"]["pocket_facts"]["acc,none"] == told["acc,none"]
    assert facts_asked.facts["rows"] == facts_asked.facts["rows_in"] == 40


def test_rows_and_predictions(facts_asked: Asked) -> None:
    rows, told = facts_asked.rows(), facts_asked.rows("predictions")
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == 40 and all(one.startswith("pocket_facts:") for one in ids)
    assert set(ids) == set(facts_asked.values("acc")) == {one["item_id"] for one in told}
    assert rows[0]["prompt"][0]["content"].startswith("Question: ") and rows[0]["group"] is None
    right = {one["item_id"]: float(one["prediction"] == one["label"]) for one in told}
    assert right == facts_asked.values("acc_norm"), "the choice is that of the metric that stands for the task"
    assert not [path for path in facts_asked.out.iterdir() if path.is_dir()], "nothing is cached in the result"


def test_an_arm_with_examples_and_a_template_asks_the_same_items(facts_asked: Asked, tmp_path: Path) -> None:
    other = ask(tmp_path / "chat", "pocket_facts", limit=40, batch_size=8, apply_chat_template=True)
    assert [row["id"] for row in other.rows()] == [row["id"] for row in facts_asked.rows()]
    assert other.rows()[0]["prompt"] != facts_asked.rows()[0]["prompt"]


def test_a_document_that_stands_there_twice_is_two_items(tmp_path: Path) -> None:
    folder = tmp_path / "piqa"
    folder.mkdir()
    lines = [json.dumps({"goal": "g", "sol1": "a", "sol2": "bb"})] * 2 + ['{"goal": "h", "sol1": "a", "sol2": "b"}']
    (folder / "valid.jsonl").write_text("\n".join(lines))
    (folder / "valid-labels.lst").write_text("0\n0\n1\n")
    asked = ask(tmp_path / "out", "piqa", local=str(tmp_path))
    first, second, third = (row["id"] for row in asked.rows())
    assert (second, len(asked.values("acc"))) == (f"{first}#2", 3) and third.startswith("piqa:")


def test_a_group_has_its_tasks_as_groups_and_lacks_what_is_not_there(tmp_path: Path) -> None:
    from leaven.pocket.corpora import corpus

    for part in ("test", "dev"):
        (tmp_path / "mmlu" / part).mkdir(parents=True)
        for subject in ("anatomy", "virology"):
            rows = corpus("multiple_choice")[:6]
            lines = [",".join([f"{row['question']} {subject}", *row["choices"], "ABCD"[row["answer"]]]) for row in rows]
            (tmp_path / "mmlu" / part / f"{subject}_{part}.csv").write_text("\n".join(lines))
    asked = ask(tmp_path / "out", "mmlu", local=str(tmp_path), num_fewshot=2, batch_size=8)
    groups = [row["group"] for row in asked.rows()]
    assert {name: groups.count(name) for name in set(groups)} == {"mmlu_anatomy": 6, "mmlu_virology": 6}
    values = [value for value in asked.values("acc").values() if value is not None]
    assert sum(values) / 12 == pytest.approx(asked.facts["values"]["mmlu"]["acc,none"])
    assert asked.facts["notes"] == ["55 of its 57 tasks have no files here and are left out"]
    assert asked.rows()[0]["prompt"][0]["content"].count("Answer:") == 3, "two examples and the question"


def test_toxigens_auc_and_balanced_accuracy(tmp_path: Path) -> None:
    from leaven.stats.coherence import degenerate

    asked = ask(tmp_path / "out", "toxigen", local="pocket:toxigen", limit=60, batch_size=16)
    told = {one["item_id"]: one for one in asked.rows("predictions")}
    assert {one["label"] for one in told.values()} == {"Yes", "No"}
    shares = []
    for label in ("Yes", "No"):
        of_label = [one for one in told.values() if one["label"] == label]
        shares.append(sum(one["prediction"] == label for one in of_label) / len(of_label))
    balanced = [value for value in asked.values("balanced_acc").values() if value is not None]
    assert sum(balanced) / len(balanced) == pytest.approx(sum(shares) / 2)
    auc = [value for value in asked.values("auc").values() if value is not None]
    assert 0 <= sum(auc) / len(auc) <= 1 and len(auc) == 60
    import pandas as pd

    frame = pd.DataFrame(list(told.values())).assign(arm="a", suite="toxigen")
    frame["prediction"] = "No"
    nothing = pd.DataFrame({name: [] for name in ("arm", "suite", "metric", "item_id", "value")})
    assert "every prediction is 'No'" in degenerate(nothing, frame)[0].note


def test_one_label_only_is_unscored_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "toxigen"
    folder.mkdir()
    rows = [{"id": n, "text": f"t{n}", "label": "hate", "target_groups": ["x"]} for n in range(3)]
    (folder / "toxiGen.json").write_text(json.dumps(rows))
    asked = ask(tmp_path / "out", "toxigen", local=str(tmp_path))
    lacking = [row for row in asked.rows("scores") if row["metric"] == "auc"]
    assert [(row["value"], row["reason"]) for row in lacking] == [(None, "one label only")] * 3
    assert asked.facts["unscored"] == 6


def test_truthfulqa_mc2_is_a_probability(tmp_path: Path) -> None:
    asked = ask(tmp_path / "out", "truthfulqa_mc2", local="pocket:truthful", limit=8, batch_size=8)
    values = [value for value in asked.values("acc").values() if value is not None]
    assert len(set(values)) > 1 and all(0 < value < 1 for value in values)
    assert not (tmp_path / "out" / "predictions.parquet").exists()


GENERATES = """
task: said
dataset_path: pocket:multiple_choice
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8}
filter_list:
  - {name: strict, filter: [{function: take_first}]}
  - {name: first-word, filter: [{function: regex, regex_pattern: '(\\w+)'}, {function: take_first}]}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}, {metric: bleu, aggregation: bleu}]
"""


def test_generation_with_several_filters(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "said.yaml").write_text(GENERATES)
    asked = ask(tmp_path / "out", "said", include_path=str(tmp_path / "tasks"), limit=5)
    assert {row["metric"] for row in asked.rows("scores")} == {"exact_match,strict", "exact_match,first-word"}
    assert len(asked.rows()) == 5 and len(asked.rows("scores")) == 10, "bleu is no mean over documents"
    assert set(asked.facts["values"]["said"]) >= {"exact_match,strict", "bleu,strict"}


def test_prompts_longer_than_the_context_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "piqa"
    folder.mkdir()
    rows = [{"goal": "what is it " * 600, "sol1": "a", "sol2": "bb"}, {"goal": "h", "sol1": "a", "sol2": "b"}]
    (folder / "valid.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "valid-labels.lst").write_text("0\n1\n")
    assert ask(tmp_path / "out", "piqa", local=str(tmp_path)).facts["truncated"] == 2


@pytest.fixture
def piqa(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "piqa"
    folder.mkdir()
    (folder / "valid.jsonl").write_text('{"goal": "g", "sol1": "a", "sol2": "bb"}\n')
    (folder / "valid-labels.lst").write_text("0\n")
    yield folder


def test_files_that_were_edited_after_they_were_keyed(piqa: Path, tmp_path: Path) -> None:
    suite = SUITES.get("harness").call(args={"tasks": ["piqa"], "local": str(tmp_path)})
    args = {"model": ref.resolve({"model_name_or_path": "pocket"}).as_args(), **suite.args("piqa")}
    (piqa / "valid-labels.lst").write_text("1\n")
    with pytest.raises(DataError, match="'piqa' were edited after the study began"):
        stages.harness(args, {"task_data": piqa}, tmp_path)


def test_an_adapter_over_its_base_answers(facts_asked: Asked, tmp_path: Path) -> None:
    """What is trained by LoRA is asked as it is: with zero weights it answers as its base."""
    from peft import LoraConfig, get_peft_model

    from leaven.evaluate.tasks.items import items
    from leaven.evaluate.tasks.running import run
    from leaven.models import load

    base = ref.resolve({"model_name_or_path": "pocket"})
    model = get_peft_model(load.causal_lm(base), LoraConfig(r=2, target_modules=["q_proj"]))
    settings = {"limit": 40, "batch_size": 8}
    made = items(run(model, load.tokenizer(base), "pocket_facts", settings, scratch=tmp_path), "pocket_facts")
    assert {row["row_id"]: row["value"] for row in made.scores if row["metric"] == "acc"} == facts_asked.values("acc")


def test_what_is_keyed_is_what_is_read_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    from leaven.evaluate.tasks.running import run

    asked: list[dict[str, Any]] = []

    def load_dataset(**kwargs: Any) -> Any:
        asked.append(kwargs)
        row = {"goal": "g", "sol1": "a", "sol2": "bb", "label": 0}
        return datasets.DatasetDict({name: datasets.Dataset.from_list([row]) for name in ("train", "validation")})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    model, tokenizer = _pocket()
    commits = {"baber/piqa@main": f"hub:baber/piqa@{'d' * 40}"}
    run(model, tokenizer, "piqa", {}, scratch=tmp_path, commits=commits)
    assert asked == [{"path": "baber/piqa", "name": None, "revision": "d" * 40, "cache_dir": str(tmp_path)}]


def _pocket() -> tuple[Any, Any]:
    from leaven.models import load

    base = ref.resolve({"model_name_or_path": "pocket"})
    return load.causal_lm(base), load.tokenizer(base)


IN_PLACE = """
group: mine
task:
  - pocket_facts
  - {task: inner, dataset_path: "pocket:truthful", output_type: multiple_choice, test_split: test,
     doc_to_text: question, doc_to_target: 0, doc_to_choice: "{{correct_answers + incorrect_answers}}"}
aggregate_metric_list: [{metric: acc, weight_by_size: true}]
"""


def test_a_group_with_a_task_declared_in_place(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(IN_PLACE)
    asked = ask(tmp_path / "out", "mine", include_path=str(tmp_path / "tasks"), limit=4)
    assert [row["group"] for row in asked.rows()] == ["pocket_facts"] * 4 + ["mine::inner"] * 4
    values = [value for value in asked.values("acc").values() if value is not None]
    assert sum(values) / 8 == pytest.approx(asked.facts["values"]["mine"]["acc,none"])


def test_lm_evals_mean_of_tasks_counted_alike_is_noted(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text(IN_PLACE.replace("weight_by_size: true", "weight_by_size: false"))
    (tmp_path / "tasks" / "sized.yaml").write_text(IN_PLACE.replace("group: mine", "group: sized"))
    about = {name: info.describe(name, str(tmp_path / "tasks")).notes for name in ("mine", "sized")}
    assert about == {"mine": ("lm-eval counts its tasks alike; here every document counts alike",), "sized": ()}


OWN_METRIC = """
task: own
dataset_path: pocket:multiple_choice
output_type: generate_until
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 4}
metric_list: [{metric: !function own_metrics.exact, aggregation: mean, higher_is_better: true}]
"""
METRICS = """
import numpy as np


def exact(references, predictions, **kwargs):
    return RETURNED
"""


def own_metric(folder: Path, returned: str) -> str:
    (folder / "tasks").mkdir()
    (folder / "tasks" / "own.yaml").write_text(OWN_METRIC)
    (folder / "tasks" / "own_metrics.py").write_text(METRICS.replace("RETURNED", returned))
    return str(folder / "tasks")


def test_a_metric_that_is_a_function_is_called_as_lm_eval_logs_it(tmp_path: Path) -> None:
    tasks = own_metric(tmp_path, "np.float64(len(predictions[0]) >= 0)")
    assert [(one.name, one.better) for one in info.describe("own", tasks).measures] == [("exact", "higher")]
    asked = ask(tmp_path / "out", "own", include_path=tasks, limit=3)
    assert list(asked.values("exact").values()) == [1.0] * 3
    assert asked.facts["values"]["own"]["exact,none"] == 1.0


def test_no_score_at_all_is_an_error_that_names_what_was_logged(tmp_path: Path) -> None:
    tasks = own_metric(tmp_path, "{'other': 1.0}")
    with pytest.raises(DataError) as refused:
        ask(tmp_path / "out", "own", include_path=tasks, limit=2)
    assert "task 'own' gave no score: its metrics are called exact, and lm-eval logged" in str(refused.value)
    assert "take another task" in str(refused.value)
