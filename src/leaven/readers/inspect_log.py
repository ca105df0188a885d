"""Inspect's logs (``.eval`` and ``.json``), through Inspect's own reader: the extra ``inspect``.

A log is one task and one model. Scorers are metrics, epochs are samples of an item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaven.errors import ReportError
from leaven.readers.brought import Brought, Document, described, frame, listed, refuse_duplicates
from leaven.readers.values import name, number
from leaven.report.findings import SampleInfo

_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}  # correct, incorrect, partial, no answer
_WORDS = {"yes": 1.0, "no": 0.0}
_SAYS = "As Inspect's scorer gave it, per sample."


@dataclass
class _Collected:
    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in ("suite", "metric", "item_id", "sample", "value")}
    )
    samples: list[SampleInfo] = field(default_factory=list)
    choices: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    graded: dict[tuple[str, str], bool] = field(default_factory=dict)  # whether every score of a metric is a grade
    listed: dict[str, None] = field(default_factory=dict)  # scorers that give lists
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Brought:
    """Read one log, or all logs of a folder (one model's); raises ReportError."""
    files = [path] if path.is_file() else sorted([*path.rglob("*.eval"), *path.rglob("*.json")])
    found, models = _Collected(), set()
    for file in files:
        models.add(_collect(found, file))
    if len(models) != 1:
        raise ReportError(f"{path} holds logs of {len(models)} models: {listed(sorted(models))}; name the logs of one")
    label = models.pop().rpartition("/")[2] or "model"
    if not found.columns["value"]:
        raise ReportError(f"{path}: no sample was scored")
    better = {metric: "higher" for metric, is_graded in found.graded.items() if is_graded}
    if found.listed:
        found.notes.append(f"{label}: scores that are lists were left out: {listed(found.listed)}")
    table = frame({**found.columns, "arm": [label] * len(found.columns["value"])})
    refuse_duplicates(table, str(path), "several logs of one task? Name the one to read")
    return Brought(
        kind="Inspect", label=label, place=str(path), measurements=table, notes=found.notes, documents=found.documents,
        samples=found.samples, predictions=_predictions(found.choices), metrics=described(table, better, _SAYS),
    ).renamed({"": label})  # fmt: skip


def _collect(found: _Collected, file: Path) -> str:
    """Add one log; return its model."""
    header, samples = _opened(file)
    task = str(header.eval.task).rpartition("/")[2]
    if header.status != "success":
        found.notes.append(f"{file.name}: Inspect says '{header.status}': samples may be missing")
    for sample in _each(file, samples):
        try:
            _add(found, task, sample)
        except ValueError as error:
            raise ReportError(f"{file}, sample {sample.id!r}, epoch {sample.epoch}: {error}") from None
    return str(header.eval.model)


def _each(file: Path, samples: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from samples
    except Exception as error:  # as below: a damaged log shows only when its samples are read
        raise ReportError(f"{file} cannot be read to its end: {_reason(error)}") from error


def _opened(file: Path) -> tuple[Any, Iterator[Any]]:
    """Return a log's header and its samples, which are read one by one."""
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_samples
    except ImportError as error:
        remedy = "`pip install inspect-ai` (or `pip install 'leaven[inspect]'`) brings it"
        raise ReportError(f"{file} is a log of Inspect, and Inspect's reader is not installed; {remedy}") from error
    try:
        header = read_eval_log(str(file), header_only=True)
        return header, read_eval_log_samples(str(file), all_samples_required=False)
    except Exception as error:  # whatever Inspect raises on a broken log, its kinds are not documented
        raise ReportError(f"{file} is no log that Inspect can read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _add(found: _Collected, task: str, sample: Any) -> None:
    """Add one sample with the values of its scorers; one that failed before it was scored has none."""
    item, target, repeat = name(sample.id), _text(sample.target), int(sample.epoch) - 1
    values: dict[str, float | None] = {}
    for scorer, score in (sample.scores or {}).items():
        made, is_graded = values_of(scorer, score.value)
        if not made:
            found.listed[f"{task}/{scorer}"] = None
        for metric in made:
            found.graded[task, metric] = found.graded.get((task, metric), True) and is_graded
        values |= made
        if sample.choices and isinstance(score.answer, str):
            found.choices.append(("", task, item, score.answer, target))
    for metric, value in values.items():
        row = {"suite": task, "metric": metric, "item_id": item, "sample": repeat, "value": value}
        for column, cell in row.items():
            found.columns[column].append(cell)
    asked = _text(sample.input)
    content = hashlib.sha256(json.dumps([asked, target, sample.choices]).encode()).hexdigest()
    found.documents[task, item] = Document(content)
    said = sample.output.completion if sample.output else ""
    found.samples.append(SampleInfo("", None, asked, said, target, task, item, repeat, values))


def values_of(scorer: str, value: Any) -> tuple[dict[str, float | None], bool]:
    """Return a score's values by metric, and whether it is a grade: C, I, P or N, of which higher is better.

    The metric is ``scorer``, or ``scorer.key`` where the score is a mapping; a list is no single value, and has none.
    C, I, P and N are 1, 0, 0.5 and 0, as in Inspect's own metrics. Raises ValueError for other words.
    """
    if isinstance(value, list):
        return {}, False
    if isinstance(value, dict):
        inner = [values_of(f"{scorer}.{key}", one) for key, one in value.items()]
        return {metric: one for made, _ in inner for metric, one in made.items()}, all(graded for _, graded in inner)
    if isinstance(value, str) and value in _GRADES:
        return {scorer: _GRADES[value]}, True
    if isinstance(value, str) and value.lower() in _WORDS:
        return {scorer: _WORDS[value.lower()]}, False
    try:
        return {scorer: number(value)}, False
    except ValueError as error:
        raise ValueError(f"the score of {scorer}: {error}") from None


def _text(value: Any) -> str:
    """Return what was asked or expected as text: a string, several targets, or the turns of a chat."""
    if isinstance(value, str):
        return value
    turns = [turn if isinstance(turn, str) else f"{turn.role}: {turn.text}" for turn in value]
    return "\n".join(turns)


def _predictions(choices: list[tuple[str, str, str, str, str]]) -> Any:
    if not choices:
        return None
    import pandas as pd

    return pd.DataFrame(choices, columns=["arm", "suite", "item_id", "prediction", "label"])
