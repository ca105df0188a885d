"""Every generated text with its scores, for those who want to read what was counted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from leaven import rows as tables
from leaven.engine.store import Store
from leaven.gather import derived
from leaven.graph import Graph, WiredCell, WiredSuite
from leaven.report.findings import SampleInfo

_WRITTEN = ("generate", "control", "guarded")  # stages whose generations are of the rows that their suite asks
Scores = dict[tuple[str, int], dict[str, float | None]]  # (row, sample) -> metric -> value


def samples(graph: Graph, store: Store) -> Iterator[SampleInfo]:
    """Yield all texts that are there, arm by arm, seed by seed; a suite that generates nothing has none.

    A text's ``item_id`` is that of the long table; its scores are those that are there.
    """
    asked: dict[str, dict[str, Any]] = {}  # by the prompts' key: cells share them
    for cell in graph.cells:
        for suite in cell.suites:
            if suite.told.kind not in _WRITTEN or None in map(store.record, (suite.told, suite.prompts)):
                continue
            if suite.prompts.key not in asked:
                asked[suite.prompts.key] = _asked(store, suite)
            yield from _told(cell, suite, store, asked[suite.prompts.key])


def _asked(store: Store, suite: WiredSuite) -> dict[str, Any]:
    """Return of each row that a suite asks what a reader is shown of it."""
    listed = tables.read(store.folder(suite.prompts) / "rows.parquet").to_pylist()
    items = derived.items(listed, suite)
    return {row["id"]: _shown(row, item_id) for row, item_id in zip(listed, items, strict=True)}


def _shown(row: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    reference = row.get("completion") or row.get("chosen")
    said = reference[-1]["content"] if reference else None
    return {"prompt": spoken(row["prompt"]), "reference": said, "item_id": item_id, "group": row.get("group")}


def spoken(prompt: list[dict[str, str]]) -> str:
    """Return a prompt as people read it, with the context that may have been planted into it."""
    context = [turn["content"] for turn in prompt[:-1] if turn["role"] == "system"]
    return "\n".join([*(f"[context] {text}" for text in context), prompt[-1]["content"]])


def _told(cell: WiredCell, suite: WiredSuite, store: Store, asked: Mapping[str, Any]) -> Iterator[SampleInfo]:
    scores = _scores(suite, store)
    for one in tables.read(store.folder(suite.told) / "generations.parquet").to_pylist():
        yield SampleInfo(
            arm=cell.cell.arm.name, seed=cell.cell.seed, text=one["text"], suite=suite.name,
            sample=one["sample"], scores=scores.get((one["prompt_id"], one["sample"]), {}), **asked[one["prompt_id"]],
        )  # fmt: skip


def _scores(suite: WiredSuite, store: Store) -> Scores:
    found: Scores = {}
    for stage in suite.scores.values():
        if store.record(stage) is not None:
            for line in _lines(tables.read(store.folder(stage) / "scores.parquet").to_pylist()):
                found.setdefault((line["row_id"], line["sample"]), {})[line["metric"]] = line["value"]
    return found


def _lines(scores: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield scores with what is no finite number as unscored."""
    for line in scores:
        value = line["value"]
        yield {**line, "value": value if value is not None and math.isfinite(value) else None}
