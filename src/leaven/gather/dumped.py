"""What the doctor kept of each training's first rows, token by token, for the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from leaven.data.doctor.dump import DUMP
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.trained_tokens import DumpedInfo, RowInfo, TokenInfo

_TRAININGS = 6  # that are shown: arms that differ in a treatment alone render alike
_ROWS = 2
_SHOWN = 240  # tokens of a row


def dumped(graph: Graph, store: Store) -> Iterator[DumpedInfo]:
    """Yield the first rows of each trainer and data set, with all arms that train so; none where none were kept."""
    found: dict[tuple[str, str], tuple[Path, list[str]]] = {}
    for cell in graph.cells:
        for place, stage in enumerate(cell.trained):
            step, encoded = cell.cell.arm.train[place], stage.inputs.get("encoded")
            if encoded is None or store.record(encoded) is None:
                continue
            file = store.folder(encoded) / DUMP
            if file.is_file():
                arms = found.setdefault((step.name, str(step.args.get("data", ""))), (file, []))[1]
                arms += [cell.cell.arm.name] if cell.cell.arm.name not in arms else []
    for (trainer, data), (file, arms) in list(found.items())[:_TRAININGS]:
        yield DumpedInfo(trainer, data, arms, rows(file))


def rows(file: Path) -> list[RowInfo]:
    """Read a dump: the beginning of its first rows."""
    told = json.loads(file.read_text(encoding="utf-8"))[:_ROWS]
    return [_row(one) for one in told]


def _row(said: dict[str, object]) -> RowInfo:
    listed = said["tokens"]
    tokens = [TokenInfo(**one) for one in listed] if isinstance(listed, list) else []
    total, trained = int(str(said["total"])), int(str(said["trained"]))
    shown = tokens[:_SHOWN]
    skipped, at = int(str(said["skipped"])), int(str(said["skipped_at"]))
    if len(tokens) > len(shown):
        half = _SHOWN // 2
        shown, skipped, at = [*tokens[:half], *tokens[len(tokens) - half :]], total - 2 * half, half
    return RowInfo(str(said["id"]), shown, total, trained, skipped, at)
