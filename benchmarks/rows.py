"""Rows/s and peak memory of 400,000 preference rows through load, treat, mix and write, against 40,000.

    python benchmarks/rows.py FILE [--format hh] [--rows 40000 400000] [--fit FOLDER]

FILE is any preference file; it is repeated (with a number behind each question, so that no two rows are equal) until
there are enough rows. `other` reads FILE itself, the second part of the mixture. Each step is a process of its own,
so that its peak memory (VmHWM) is its own. Goals: memory does not grow with the number of rows; treatments do
1,000,000 rows/min.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from leaven.data import sources
from leaven.data.canonical import Slice, canonical
from leaven.registry import Step

TREATED = [{"name": "malign_labels", "args": {"rate": 0.1}, "seed": 0}]
MIXED = [{"name": "treated", "weight": 0.75}, {"name": "other", "weight": 2.5}]


def main() -> None:
    """Make the files, run the steps one after another, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--format", default="hh")
    parser.add_argument("--rows", type=int, nargs="+", default=[40_000, 400_000])
    parser.add_argument("--fit", metavar="FOLDER", help="also leave out what does not fit the model of this folder")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], json.loads(given.one[1]))
        return
    steps = ["rows", *(["fit"] if given.fit else []), "treat", "other", "mix"]
    print(f"{'rows':>8}  {'step':6}  {'seconds':>8}  {'rows/s':>9}  {'rows/min':>11}  {'peak MiB':>8}")
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            run(given, rows, steps, Path(folder))


def run(given: argparse.Namespace, rows: int, steps: list[str], folder: Path) -> None:
    """Run the steps on so many rows, each in a process of its own."""
    source = folder / "preferences.jsonl"
    write(given.file, given.format, rows, source)
    for step in steps:
        what = {
            "folder": str(folder), "source": str(source), "model": given.fit,
            "file": str(given.file), "format": given.format,
        }  # fmt: skip
        command = [sys.executable, __file__, str(given.file), "--one", step, json.dumps(what)]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        a_second = done["rows"] / done["seconds"]
        print(
            f"{done['rows']:8,}  {step:6}  {done['seconds']:8.1f}  {a_second:9,.0f}  {a_second * 60:11,.0f}"
            f"  {done['peak']:8,.0f}",
            flush=True,
        )


def write(file: Path, format: str, rows: int, to: Path) -> None:
    """Write so many preferences as JSON lines, repeating those of a file."""
    known = [row for batch in canonical(str(file), Step(name=format), Slice(), "drop") for row in batch.rows]
    with to.open("w", encoding="utf-8") as stream:
        for number, row in enumerate(itertools.islice(itertools.cycle(known), rows)):
            prompt = [*row["prompt"][:-1], {"role": "user", "content": f"{row['prompt'][-1]['content']} ({number})"}]
            told = {"prompt": prompt, "chosen": row["chosen"], "rejected": row["rejected"], "margin": 1.0}
            stream.write(json.dumps(told, ensure_ascii=False) + "\n")


def one(step: str, what: dict[str, Any]) -> None:
    """Run one verb in this process and print what it took."""
    from leaven import stages

    folder = Path(what["folder"])
    out = folder / step
    out.mkdir()
    args, inputs = arguments(step, what, folder)
    started = time.perf_counter()
    facts = getattr(stages, "rows" if step == "other" else step)(args, inputs, out)
    seconds = time.perf_counter() - started
    rows = facts.get("rows_in", facts["rows"])
    print(json.dumps({"rows": rows, "seconds": seconds, "peak": peak()}))


def arguments(step: str, what: dict[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the arguments and inputs of a step's verb."""
    rows = folder / ("fit" if step != "fit" and (folder / "fit").exists() else "rows")
    if step in ("rows", "other"):
        source, name = (what["source"], "preference") if step == "rows" else (what["file"], what["format"])
        args = {"identity": sources.identity(source), "format": {"name": name, "args": {}}, "bad_rows": "drop"}
        return args, {"source": Path(source)}
    if step == "fit":
        return {"model": model(what["model"]), "max_length": 512}, {"rows": rows, "base": Path(what["model"])}
    if step == "treat":
        return {"steps": TREATED}, {"rows": rows}
    return {"parts": MIXED, "seed": 0}, {"treated": folder / "treat", "other": folder / "other"}


def model(name: str) -> dict[str, Any]:
    """Return a base model as stages know it."""
    from leaven.models import ref

    return ref.resolve({"model_name_or_path": name}).as_args()


def peak() -> float:
    """Return this process's peak memory in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("there is no VmHWM")


if __name__ == "__main__":
    main()
