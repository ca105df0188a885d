"""How long benchmarks take, beside lm-eval's own command on the same tasks, rows and models.

    python benchmarks/harness.py [--shared ../shared] [--rounds 3] [--limit 200] [--arms 3] [--batch-size 16]

Goals: at most 1.1 times lm-eval's command for one model, and less than it for several arms of one base. Both sides are
whole processes, started cold, in one thread, turn by turn: `lm_eval run` once a model; our verb once a model and task,
all in one process, as the engine hands a worker the stages of an arm (its warm server saves the imports besides). The
command reads the same rows as json files, by lm-eval's own task files. Values that differ end the benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from leaven.evaluate.tasks import layouts, names
from leaven.models import ref

TASKS = {"arc_challenge": ("allenai/ai2_arc", "ARC-Challenge"), "piqa": ("baber/piqa", "")}
Values = dict[str, dict[str, float]]


def main() -> None:
    """Make the arms, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--arms", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--ours", help=argparse.SUPPRESS)  # what a process of our side is told
    given = parser.parse_args()
    if given.ours:
        ours(json.loads(given.ours))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        task_files(folder / "tasks", given.shared / "data")
        arms = [arm(folder / f"arm{number}", given.shared, number) for number in range(given.arms)]
        rounds(given, folder, arms)


def rounds(given: argparse.Namespace, folder: Path, arms: list[Path]) -> None:
    """Time both sides in turn, for one arm and for all, and print medians and their ratio."""
    print(f"{', '.join(TASKS)}, {given.limit} documents each, batch {given.batch_size}, {given.rounds} rounds")
    for count in (1, len(arms)):
        seconds: dict[str, list[float]] = {"ours": [], "lm_eval": []}
        for _ in range(given.rounds):
            begun = time.perf_counter()
            found = started(given, folder, arms[:count])
            between = time.perf_counter()
            theirs = [command(given, folder, one) for one in arms[:count]]
            seconds["ours"].append(between - begun)
            seconds["lm_eval"].append(time.perf_counter() - between)
            if found != theirs:
                raise SystemExit(f"values differ: {found} and {theirs}")
        ours_s, theirs_s = (np.median(seconds[name]) for name in ("ours", "lm_eval"))
        ratio = ours_s / theirs_s
        print(f"{count} arm(s): ours {ours_s:.1f} s, lm_eval {theirs_s:.1f} s, ratio {ratio:.2f}; equal values")


def task_files(folder: Path, data: Path) -> None:
    """Write the rows that our readers make as json files, and task files over them that include lm-eval's own."""
    folder.mkdir()
    for task, (dataset, config) in TASKS.items():
        layout = layouts.LAYOUTS[dataset]
        files = {}
        for split, paths in layouts.here(layout, data / task, config).items():
            files[split] = str(folder / f"{task}_{split}.jsonl")
            lines = (json.dumps(row) + "\n" for row in layouts.read(layout, paths))
            Path(files[split]).write_text("".join(lines), encoding="utf-8")
        files.setdefault("train", files["validation"])
        said = {"include": str(names.Names()[task].file), "task": f"local_{task}", "dataset_path": "json",
                "dataset_name": None, "dataset_kwargs": {"data_files": files}}  # fmt: skip
        (folder / f"{task}.yaml").write_text(json.dumps(said), encoding="utf-8")  # json is YAML


def arm(folder: Path, shared: Path, number: int) -> Path:
    """Copy the base with weights that are a little others: what a training would have left."""
    from safetensors.torch import load_file, save_file

    source = shared / "models" / "stories260K"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("original"), copy_function=shutil.copyfile)
    folder.chmod(0o755)
    weights = load_file(folder / "model.safetensors")
    save_file({name: one * (1 + number / 1000) for name, one in weights.items()}, folder / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    ref.ModelRef(base(source).as_args()).save(folder)
    return folder


def base(folder: Path) -> ref.Base:
    """Return the base of all arms."""
    return ref.resolve({"model_name_or_path": str(folder), "chat_template_path": "plain"})


def started(given: argparse.Namespace, folder: Path, arms: list[Path]) -> list[Values]:
    """Run our side in a process of its own."""
    told = folder / "ours.json"
    job = {"arms": list(map(str, arms)), "shared": str(given.shared), "limit": given.limit,
           "batch_size": given.batch_size, "told": str(told)}  # fmt: skip
    subprocess.run([sys.executable, __file__, "--ours", json.dumps(job)], check=True, env=around(folder),
                   capture_output=True)  # fmt: skip
    made: list[Values] = json.loads(told.read_text(encoding="utf-8"))
    return made


def ours(job: dict[str, Any]) -> None:
    """Ask every arm every task, as the stages of a study do."""
    from leaven import stages
    from leaven.registry import SUITES

    asked = {
        "tasks": list(TASKS),
        "local": f"{job['shared']}/data",
        "limit": job["limit"],
        "batch_size": job["batch_size"],
    }
    suite, path = SUITES.get("harness").call(args=asked), Path(job["shared"]) / "models" / "stories260K"
    told = []
    for one in map(Path, job["arms"]):
        values: Values = {}
        for task in TASKS:
            places = {name: Path(place) for name, place in suite.paths(task).items()}
            with tempfile.TemporaryDirectory() as out:
                facts = stages.harness(suite.args(task), {"model": one, "base": path, **places}, Path(out))
            values[task] = facts["values"][task]
        told.append(values)
    Path(job["told"]).write_text(json.dumps(told), encoding="utf-8")


def command(given: argparse.Namespace, folder: Path, one: Path) -> Values:
    """Run lm-eval's command on one arm."""
    out = folder / "lm_eval"
    shutil.rmtree(out, ignore_errors=True)
    asked = ["--model", "hf", "--model_args", f"pretrained={one},dtype=float32", "--device", "cpu"]
    asked += ["--tasks", ",".join(f"local_{task}" for task in TASKS), "--include_path", str(folder / "tasks")]
    asked += ["--limit", str(given.limit), "--batch_size", str(given.batch_size), "--output_path", str(out)]
    subprocess.run([sys.executable, "-m", "lm_eval", "run", *asked, "--log_samples"], check=True, env=around(folder),
                   capture_output=True)  # fmt: skip
    results = json.loads(next(out.rglob("results_*.json")).read_text(encoding="utf-8"))["results"]
    told = ("acc,none", "acc_norm,none")
    return {task: {name: results[f"local_{task}"][name] for name in told} for task in TASKS}


def around(folder: Path) -> dict[str, str]:
    """Return the environment of both sides: one thread, no network."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}


if __name__ == "__main__":
    main()
