"""Values equal those of lm-eval's own command line to the last digit: over task files of one's own, and local files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from leaven import stages
from leaven.evaluate.tasks import layouts, names
from leaven.models import ref
from leaven.registry import SUITES
from leaven.rows import read

pytestmark = pytest.mark.e2e

SHARED = Path(__file__).parents[3] / "shared"
POCKET = str(resources.files("leaven.pocket") / "model")


def command(folder: Path, model: str, *more: str) -> dict[str, Any]:
    """Run lm-eval's command on every task of a folder; return its results, with its samples by task."""
    asked = ["--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--include_path", str(folder)]
    asked += ["--output_path", str(folder / "out"), "--log_samples", "--device", "cpu", *more]
    around = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "lm_eval", "run", *asked], check=True, env=around, capture_output=True)
    (file,) = (folder / "out").rglob("results_*.json")
    samples = {
        path.name.split("samples_")[1].rpartition("_")[0]: [json.loads(line) for line in path.open(encoding="utf-8")]
        for path in (folder / "out").rglob("samples_*.jsonl")
    }
    return {**json.loads(file.read_text(encoding="utf-8")), "samples": samples}


def ours(out: Path, model: str, task: str, **declared: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Run one task as a stage does, in one thread; return its facts, and values by metric and item."""
    import torch

    base = ref.resolve({"model_name_or_path": model, "chat_template_path": None if model == POCKET else "plain"})
    suite = SUITES.get("harness").call(args={"tasks": [task], **declared})
    places = {name: Path(path) for name, path in suite.paths(task).items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        facts = stages.harness({"model": base.as_args(), **suite.args(task)}, {"base": Path(model), **places}, out)
    finally:
        torch.set_num_threads(threads)
    values: dict[str, dict[str, Any]] = {}
    for row in read(out / "scores.parquet").to_pylist():
        values.setdefault(row["metric"], {})[row["row_id"]] = row["value"]
    return facts, values


def same(
    told: dict[str, Any], facts: dict[str, Any], values: dict[str, dict[str, Any]], task: str, theirs: str
) -> None:
    """Compare aggregates and every document's values, exactly."""
    aggregates = facts["values"][task]
    assert aggregates
    assert aggregates == {name: told["results"][theirs][name] for name in aggregates}
    for name in {one.split(",")[0] for one in aggregates}:
        logged = [sample[name] for sample in sorted(told["samples"][theirs], key=lambda one: one["doc_id"])]
        assert list(values[name].values()) == logged, name


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> str:
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


OWN = """
task: own_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {asked}, train: {shown}}}}}
output_type: multiple_choice
training_split: train
test_split: test
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: answer
doc_to_choice: choices
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}, {{metric: acc_norm, aggregation: mean}}]
"""


@pytest.mark.parametrize(
    ("flags", "declared"),
    [
        ([], {}),
        (["--num_fewshot", "2", "--apply_chat_template", "--system_instruction", "Be brief.", "--batch_size", "4"],
         {"num_fewshot": 2, "apply_chat_template": True, "system_instruction": "Be brief.", "batch_size": 4}),
    ],
)  # fmt: skip
def test_a_task_file_of_ones_own(tmp_path: Path, flags: list[str], declared: dict[str, Any]) -> None:
    from leaven.pocket.corpora import corpus

    folder = tmp_path / "tasks"
    folder.mkdir()
    rows = corpus("multiple_choice")
    data = {"asked": write(tmp_path, "asked", rows[:40]), "shown": write(tmp_path, "shown", rows[40:60])}
    (folder / "own.yaml").write_text(OWN.format(**data), encoding="utf-8")
    told = command(folder, POCKET, "--tasks", "own_choice", "--limit", "30", *flags)
    out = tmp_path / "ours"
    out.mkdir()
    facts, values = ours(out, POCKET, "own_choice", include_path=str(folder), limit=30, **declared)
    same(told, facts, values, "own_choice", "own_choice")
    prompts = [row["prompt"][0]["content"] for row in read(out / "rows.parquet").to_pylist()]
    logged = sorted(told["samples"]["own_choice"], key=lambda one: one["doc_id"])
    assert prompts == [one["arguments"]["gen_args_0"]["arg_0"] for one in logged]


LOCAL = {
    "arc_challenge": ("arc_challenge", "allenai/ai2_arc", "ARC-Challenge"),
    "hellaswag": ("hellaswag", "Rowan/hellaswag", ""),
    "truthfulqa_mc2": ("truthfulqa", "truthfulqa/truthful_qa", "multiple_choice"),
    "toxigen": ("safenlp", "skg/toxigen-data", "annotated"),
    "mmlu_virology": ("mmlu", "cais/mmlu", "virology"),
}


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the shared data sets are not here")
def test_local_files_through_lm_evals_own_task_files(tmp_path: Path) -> None:
    """The command gets the converted rows as json files, under task files that include lm-eval's own."""
    folder, model, limit = tmp_path / "tasks", str(SHARED / "models" / "stories260K"), 12
    folder.mkdir()
    for task, (place, dataset, config) in LOCAL.items():
        layout = layouts.LAYOUTS[dataset]
        there = layouts.here(layout, SHARED / "data" / place, config)
        files = {split: write(tmp_path, f"{task}_{split}", layouts.read(layout, there[split])) for split in there}
        files.setdefault("train", next(iter(files.values())))
        text = f"include: {names.Names()[task].file}\ntask: local_{task}\ndataset_path: json\ndataset_name: null\n"
        (folder / f"{task}.yaml").write_text(f"{text}dataset_kwargs: {json.dumps({'data_files': files})}\n")
    told = command(folder, model, "--tasks", ",".join(f"local_{task}" for task in LOCAL), "--limit", str(limit))
    for task, (place, _, _) in LOCAL.items():
        out = tmp_path / f"ours-{task}"
        out.mkdir()
        facts, values = ours(out, model, task, local={task: str(SHARED / "data" / place)}, limit=limit)
        same(told, facts, values, task, f"local_{task}")
        assert {len(of_items) for of_items in values.values()} == {limit}, task
