"""What a study measures, in digests: each arm by each measure. A lock keeps them, so that a change is seen later.

They are made of what enters keys, so circumstance (where a model lies, what is logged) changes none, and another file
under the same name does. Versions of code are left out: a later Leaven measures the same study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from leaven.engine.key import canonical
from leaven.engine.stage import Stage, closure
from leaven.graph import Graph

Design = dict[str, dict[str, str]]  # arm -> suite/metric -> digest
_PLUGIN = {"name", "version", "args"}
_DIGITS = 16


def design(graph: Graph, seed: int) -> Design:
    """Return the digests of one seed's runs, and of the arms that have no seed since nothing is trained."""
    cells = [cell for cell in graph.cells if cell.cell.seed in (seed, None)]
    scores = {
        (cell.cell.arm.name, f"{suite.name}/{metric}"): stage
        for cell in cells for suite in cell.suites for metric, stage in suite.scores.items()
    }  # fmt: skip
    meant = _meant(list(scores.values()))
    made: Design = {cell.cell.arm.name: {} for cell in cells}
    for (arm, measure), stage in scores.items():
        made[arm][measure] = meant[stage.key]
    return made


def _meant(targets: list[Stage]) -> dict[str, str]:
    """Return a digest for the key of each stage: of its arguments and all that it rests on, without versions."""
    digests: dict[str, str] = {}
    for stage in closure(targets):
        inputs = {name: digests[one.key] for name, one in stage.inputs.items()}
        text = canonical({"kind": stage.kind, "args": _unversioned(dict(stage.args)), "inputs": inputs})
        digests[stage.key] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return digests


def _unversioned(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_unversioned(one) for one in value]
    if isinstance(value, dict):
        is_plugin = value.keys() == _PLUGIN
        return {name: _unversioned(one) for name, one in value.items() if not (is_plugin and name == "version")}
    return value


def changes(before: Design, now: Design) -> Iterator[str]:
    """Yield in words which arms and measures were added, removed or are others now."""
    both = [arm for arm in before if arm in now]
    yield from (f"arm {arm} removed" for arm in before if arm not in now)
    yield from (f"arm {arm} added" for arm in now if arm not in before)
    were, are = _measures(before, both), _measures(now, both)
    yield from (f"measure {one} removed" for one in were if one not in are)
    yield from (f"measure {one} added" for one in are if one not in were)
    shared = {arm: [one for one in before[arm] if one in now[arm]] for arm in both}
    other = {arm: [one for one in shared[arm] if before[arm][one] != now[arm][one]] for arm in both}
    everywhere = [one for one in were if all(one in other[arm] for arm in both if one in shared[arm])]
    if everywhere == were:
        yield from ["everything that is measured changed"] * bool(were)
        return
    yield from (f"measure {one} changed" for one in everywhere)
    for arm in both:
        alone = [one for one in other[arm] if one not in everywhere]
        is_whole = alone == [one for one in shared[arm] if one not in everywhere]
        yield from [f"arm {arm} changed"] if alone and is_whole else (f"{one} of arm {arm} changed" for one in alone)


def _measures(made: Design, arms: list[str]) -> list[str]:
    return list(dict.fromkeys(one for arm in arms for one in made[arm]))
