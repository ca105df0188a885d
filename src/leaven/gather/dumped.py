"""What the doctor kept of each training's first rows, token by token, for the report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from leaven.data.doctor.dump import DUMP
from leaven.engine.stage import Stage
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.trained_tokens import DumpedInfo, RowInfo, TokenInfo

_TRAININGS = 6  # that are shown: arms that differ in a treatment alone mostly render alike
_ROWS = 2
_SHOWN = 240  # tokens of a row


def dumped(graph: Graph, store: Store) -> Iterator[DumpedInfo]:
    """Yield the first rows of each trainer and data set, as each arm's model saw them; none where none were kept.

    Arms whose first rows were rendered alike stand together: those of another template, say, stand by themselves. An
    arm is told by the first of its seeds that has any. What is rendered in several ways leaves no other data out.
    """
    found: dict[tuple[str, str, bytes], list[str]] = {}
    seen: set[tuple[str, int]] = set()
    for cell in graph.cells:
        arm = cell.cell.arm
        for place, stage in enumerate(cell.trained):
            kept = None if (arm.name, place) in seen else _kept(store, stage)
            if kept is not None:
                seen.add((arm.name, place))
                step = arm.train[place]
                arms = found.setdefault((step.name, str(step.args.get("data", "")), kept), [])
                arms += [arm.name] if arm.name not in arms else []
    for trainer, data, kept in _shown(list(found)):
        yield DumpedInfo(trainer, data, found[trainer, data, kept], rows(kept))


def _kept(store: Store, trained: Stage) -> bytes | None:
    """Return what was kept of a training's first rows, None where nothing was."""
    encoded = trained.inputs.get("encoded")
    if encoded is None or store.record(encoded) is None:
        return None
    file = store.folder(encoded) / DUMP
    return file.read_bytes() if file.is_file() else None


def _shown(found: Sequence[tuple[str, str, bytes]]) -> list[tuple[str, str, bytes]]:
    """Return those that are shown, in their order: one of each trainer and data set before a second of any."""
    times = Counter[tuple[str, str]]()
    ranked = []
    for at, (trainer, data, _) in enumerate(found):
        ranked.append((times[trainer, data], at))
        times[trainer, data] += 1
    return [found[at] for at in sorted(at for _, at in sorted(ranked)[:_TRAININGS])]


def rows(kept: bytes) -> list[RowInfo]:
    """Read a dump: the beginning of its first rows."""
    told = json.loads(kept)[:_ROWS]
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
