"""lm-eval's per-document results: ``samples_<task>_<time>.jsonl``, one file or all in an output folder.

Source of the layout: lm-eval 0.4.13 with ``--log_samples``. Beside the samples stands ``results_<time>.json``; what
it says of directions, the model's name and groups of tasks is used where it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leaven.errors import ReportError
from leaven.readers import lines
from leaven.readers.brought import Brought, Document, described, frame, listed, refuse_duplicates
from leaven.readers.lm_eval_line import Line, parse
from leaven.report.findings import SampleInfo

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl(?:\.gz)?")
_SAYS = "As lm-eval scored it, per document."


@dataclass(frozen=True)
class _File:
    """One task's samples; ``suite`` is the group that lm-eval aggregates the task in, else the task itself."""

    path: Path
    task: str
    time: str
    suite: str


@dataclass
class _Collected:
    """Columns of the long table, and what stands beside it."""

    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in ("suite", "metric", "group", "item_id", "value")}
    )
    samples: dict[tuple[str, str, int], SampleInfo] = field(default_factory=dict)
    choices: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    aggregated: dict[str, None] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)  # suites with an answer that was sampled


def read(path: Path) -> Brought:
    """Read one file of samples, or the newest file of each task in an output folder; raises ReportError.

    The item is ``task/doc_id``, a task is a suite (tasks that lm-eval aggregates into one score are one, each task a
    group of it), and a metric under a filter is ``metric,filter``, as in lm-eval's own table.
    """
    files, notes = _files(path)
    about = _results(files)
    files = _grouped(files, about)
    label = _label(about, files[0].path)
    found = _Collected()
    for file in files:
        _collect(found, file, label)
    if not found.columns["value"]:
        raise ReportError(f"{path}: no metric of lm-eval's samples is a number per document")
    table = frame({**found.columns, "arm": [label] * len(found.columns["value"])})
    refuse_duplicates(table, str(path), "lm-eval writes each document once; was the file put together twice?")
    if found.aggregated:
        notes.append(f"{label}: {listed(found.aggregated)}: no number per document, so left out")
    return Brought(
        kind="lm-eval", label=label, place=str(path), measurements=table, samples=list(found.samples.values()),
        predictions=_predictions(found, label), metrics=described(table, _better(about, files), _SAYS),
        documents=found.documents, greedy={file.suite for file in files} - found.drawn, notes=notes,
    )  # fmt: skip


def _files(path: Path) -> tuple[list[_File], list[str]]:
    """Return the files to read, and what is to be said about those that are not."""
    if path.is_file():
        return [_file(path)], []
    every = [_file(file) for file in sorted(path.rglob("samples_*.jsonl*")) if file.is_file()]
    folders = sorted({file.path.parent for file in every})
    if len(folders) != 1:
        raise ReportError(
            f"{path} holds the samples of {len(folders)} models: {listed(folders)}; name the folder of one"
        )
    newest = {file.task: file for file in sorted(every, key=lambda file: file.time)}
    older = [file.path.name for file in every if newest[file.task] is not file]
    said = f"{path}: the newest file of each task was read, not {listed(older)}"
    return list(newest.values()), [said] if older else []


def _file(path: Path) -> _File:
    known = _NAME.fullmatch(path.name)
    task = known["task"] if known else path.name.removesuffix(".gz").removesuffix(".jsonl").removeprefix("samples_")
    return _File(path, task, known["time"] if known else "", task)


def _results(files: Iterable[_File]) -> dict[str, Any]:
    """Return the summaries that stand beside the samples, merged; raises ReportError for one that is broken."""
    merged: dict[str, Any] = {}
    for summary in sorted({file.path.parent / f"results_{file.time}.json" for file in files if file.time}):
        if summary.is_file():
            for name, value in lines.whole(summary).items():
                is_both = isinstance(value, dict) and isinstance(merged.get(name), dict)
                merged[name] = {**merged[name], **value} if is_both else value
    return merged


def _mapping(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = about.get(name)
    return value if isinstance(value, dict) else {}


def _grouped(files: Sequence[_File], about: Mapping[str, Any]) -> list[_File]:
    """Put tasks under the group that lm-eval aggregates them in, where all its tasks are there."""
    below, tasks = _mapping(about, "group_subtasks"), {file.task for file in files}
    leaves = {group: _leaves(group, below) for group in _mapping(about, "groups")}
    whole = {group: found for group, found in leaves.items() if len(found) > 1 and found <= tasks}
    outer = [group for group in whole if not any(whole[group] < other for other in whole.values())]
    suite = {task: group for group in sorted(outer, reverse=True) for task in whole[group]}
    return [replace(file, suite=suite.get(file.task, file.task)) for file in files]


def _leaves(group: str, below: Mapping[str, Any]) -> set[str]:
    """Return the tasks below a group of groups; a group that holds itself adds nothing."""
    found, seen, todo = set(), {group}, [group]
    while todo:
        inner = below.get(todo.pop())
        names = [name for name in inner if isinstance(name, str)] if isinstance(inner, list) else []
        found |= {name for name in names if not below.get(name)}
        todo += [name for name in names if below.get(name) and name not in seen]
        seen |= set(names)
    return found


def _label(about: Mapping[str, Any], path: Path) -> str:
    """Return the model's name, without the folders or the owner before it; else the file's or folder's name."""
    named = about.get("model_name")
    if not isinstance(named, str) or not named.strip():
        named = path.parent.name.rpartition("__")[2] if _NAME.fullmatch(path.name) else _file(path).task
    return named.rstrip("/").rpartition("/")[2] or "model"


def _collect(found: _Collected, file: _File, label: str) -> None:
    """Add the lines of one task."""
    for number, raw in lines.objects(file.path):
        try:
            line = parse(raw)
        except ValueError as error:
            raise ReportError(f"{file.path}, line {number}: {error}") from None
        item = f"{file.task}/{line.doc_id}"
        known = found.documents.setdefault((file.suite, item), line.document)
        if known.content != line.document.content:
            raise ReportError(f"{file.path}, line {number}: doc_id {line.doc_id} stands here with another document too")
        _add(found, file, item, line, label)


def _add(found: _Collected, file: _File, item: str, line: Line, label: str) -> None:
    group = file.task if file.suite != file.task else None
    for metric, value in line.values.items():
        row = {"suite": file.suite, "metric": metric, "group": group, "item_id": item, "value": value}
        for name, cell in row.items():
            found.columns[name].append(cell)
    if not line.is_greedy:
        found.drawn.add(file.suite)
    found.aggregated |= dict.fromkeys(line.aggregated)
    if line.chosen:
        found.choices[file.suite, item] = line.chosen
    for place, text in enumerate(line.texts):
        told = found.samples.get((file.suite, item, place)) or SampleInfo(
            label, None, line.prompt, text, line.reference, file.suite, item, place, group=group
        )
        # lm-eval scores what its filter leaves of all repeats: one score for the document, shown with its first text
        scores = {**told.scores, **line.values} if place == 0 else told.scores
        found.samples[file.suite, item, place] = replace(told, scores=scores)


def _predictions(found: _Collected, label: str) -> Any:
    if not found.choices:
        return None
    import pandas as pd

    rows = [(label, suite, item, *choice) for (suite, item), choice in found.choices.items()]
    return pd.DataFrame(rows, columns=["arm", "suite", "item_id", "prediction", "label"])


def _better(about: Mapping[str, Any], files: Iterable[_File]) -> dict[tuple[str, str], str]:
    """Return the direction of each (suite, metric) that lm-eval knows one of, under every filter of the metric."""
    found: dict[tuple[str, str], str] = {}
    directions = _mapping(about, "higher_is_better")
    filters = {key for one in _mapping(about, "results").values() if isinstance(one, dict) for key in one if "," in key}
    for file in files:
        for metric, higher in _mapping(directions, file.task).items():
            if isinstance(higher, bool):
                names = [metric, *(key for key in filters if key.partition(",")[0] == metric)]
                found |= {(file.suite, name): "higher" if higher else "lower" for name in names}
    return found
