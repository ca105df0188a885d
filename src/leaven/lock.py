"""What was declared before there were results: the hash of a study's compare block, and what changed since.

The first run of a study takes the lock; ``leaven lock`` takes it earlier, so that its hash can be told to others.
What a later block says otherwise is exploratory. A lock is replaced only while the folder never had a result. What
each arm and measure was when the first results came is remembered too, so that the page can say what changed since.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from leaven.design import Design, changes, design
from leaven.engine.files import guarding, read_json, write_json
from leaven.engine.key import canonical
from leaven.engine.store import Store
from leaven.graph import Graph
from leaven.report.findings import LockInfo
from leaven.study.compare import Claim, Compare
from leaven.study.matrix import baselines
from leaven.study.spec import Study

FILE = "lock.json"
_ANSWER = "measurements.parquet"
_NEEDED = {"to", "dose", "primary", "margin", "claims"}  # of a block, to say what was declared in it


@dataclass(frozen=True)
class Lock:
    """A compare block, its hash, when it was taken, with which seeds, and whether the study had any result by then."""

    sha256: str
    written: str
    before_results: bool
    compare: dict[str, Any]
    by: str = "run"  # "run" | "lock": who took it; what a person took is never taken again
    seeds: list[int] = field(default_factory=list)  # not hashed: more of them ask the same question
    had_results: bool = False  # whether any run under it had: from then on it is not replaced
    beside: list[str] = field(default_factory=list)  # runs of this study that had results under another block by then
    design: Design = field(default_factory=dict)  # what was measured when the first results came; not hashed either


def block(compare: Compare) -> dict[str, Any]:
    """Return what is hashed: the whole compare block, defaults included."""
    return compare.model_dump(mode="json")


def digest(compare: dict[str, Any]) -> str:
    """Return the hash of a block."""
    return hashlib.sha256(canonical(compare).encode()).hexdigest()


def read(folder: Path) -> Lock | None:
    """Return the lock of a run's folder; None where there is none, or where it was edited: its hash is not its own."""
    found = read_json(folder / FILE) or {}
    known = {one.name for one in fields(Lock)}  # a later Leaven may have written more
    try:
        lock = Lock(**{name: value for name, value in found.items() if name in known})
        whole = lock.compare.keys() >= _NEEDED and digest(lock.compare) == lock.sha256
    except (TypeError, AttributeError):
        return None
    return lock if whole and isinstance(lock.design, dict) and isinstance(lock.seeds, list) else None


def take(graph: Graph, store: Store, folder: Path, by: str = "run", *, seen: bool = False) -> Lock:
    """Return the study's lock; take it if there is none, or if a run took it and nothing has a result yet.

    ``seen`` says that an earlier run of this folder had results, whatever its settings were. A lock that is taken
    where results exist already says so: nothing was declared before them.
    """
    compare, there = block(graph.study.compare), standing(graph, folder)
    known = seen or has_results(graph, store) or (there is not None and there.had_results)
    if there is None or (there.by == "run" and there.before_results and not known):
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        beside = _answered_before(graph.study.name, digest(compare), folder)
        there = Lock(digest(compare), now, not known, compare, by, list(graph.study.seeds), beside=beside)
    if by == "run" and not known:  # `leaven lock` does not ask the hub which commit a name is
        there = replace(there, design=design(graph, there.seeds[0]))
    if known and not there.had_results:
        there = replace(there, had_results=True)
    if there != read(folder):
        with guarding(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / FILE, asdict(there))
    return there


def standing(graph: Graph, folder: Path) -> Lock | None:
    """Return the lock that holds for a study: its own; else the one that another run of it (with fewer seeds, say) took
    before its results, on the same block.
    """
    return read(folder) or _of_another_run(graph.study, digest(block(graph.study.compare)), folder)


def _of_another_run(study: Study, sha256: str, folder: Path) -> Lock | None:
    """Return a lock of the same profile; one of another only while that has no results: later it is a pilot's."""
    own = _profile(folder)
    for other in sorted(_runs_of(study.name, folder), key=lambda other: _profile(other) != own):
        lock = read(other)
        if lock and lock.before_results and lock.sha256 == sha256:
            if _profile(other) == own:
                return lock
            if not lock.had_results:
                return replace(lock, seeds=list(study.seeds), design={})
    return None


def _profile(folder: Path) -> str:
    """Return a run's study and profile, without the settings."""
    return folder.name.partition("+")[0]


def _answered_before(study: str, sha256: str, folder: Path) -> list[str]:
    """Return the other runs of a study that have an answer to another block, or in another profile: they may have
    inspired this one.
    """
    answered = [other for other in _runs_of(study, folder) if other != folder and (other / _ANSWER).exists()]
    is_pilot = [_profile(other) != _profile(folder) for other in answered]
    return [
        other.name
        for other, pilot in zip(answered, is_pilot, strict=True)
        if pilot or (lock := read(other)) is None or lock.sha256 != sha256
    ]


def _runs_of(study: str, folder: Path) -> list[Path]:
    """Return the folders of a study's runs, with any profile and settings."""
    locked = sorted(file.parent for file in folder.parent.glob(f"*/{FILE}"))
    return [other for other in locked if other.name.partition("@")[0].partition("+")[0] == study]


def has_results(graph: Graph, store: Store) -> bool:
    """Say whether anything that the study compares was scored already.

    What an untrained baseline scored is no result, nor of a study that trains what any plain base did: it says nothing
    of what is compared with it, and studies share it.
    """
    trains = any(cell.artefact is not None for cell in graph.cells)
    to = set(baselines([cell.cell.arm for cell in graph.cells], graph.study.compare.to).values())
    compared = [
        cell
        for cell in graph.cells
        if cell.artefact is not None or (cell.cell.arm.name not in to and (cell.cell.arm.wraps or not trains))
    ] or graph.cells
    scores = {stage.key: stage for cell in compared for suite in cell.suites for stage in suite.scores.values()}
    return any(store.record(stage) is not None for stage in scores.values())


def info(lock: Lock | None, study: Study, graph: Graph | None = None) -> LockInfo | None:
    """Return what the page says of the lock; of what is measured only where there is a graph."""
    if lock is None:
        return None
    later = [seed for seed in study.seeds if seed not in lock.seeds] if lock.seeds else []
    changed = list(_changes(lock.compare, block(study.compare)))
    same = lock.design and graph is not None and lock.seeds and lock.seeds[0] in study.seeds
    reworked = list(changes(lock.design, design(graph, lock.seeds[0]))) if same and graph is not None else []
    return LockInfo(lock.sha256, lock.written, lock.before_results, changed, later, lock.beside, reworked)


def primary(lock: Lock | None, compare: Compare) -> list[str]:
    """Return the declared primaries that were declared before the results, and just so; all of them without a lock.

    Another baseline or dose makes other contrasts; another margin makes another question of its metric. Where one was
    withdrawn, the rest would be corrected for fewer: none of them is what was declared.
    """
    if lock is None:
        return list(compare.primary)
    declared = block(compare)
    if not lock.before_results or any(lock.compare[name] != declared[name] for name in ("to", "dose")):
        return []
    before = lock.compare["primary"]
    if not set(before) <= set(compare.primary):
        return []
    return [name for name in compare.primary if name in before and not _moved(lock.compare, declared, name)]


def is_locked(lock: Lock | None, claim: Claim, compare: Compare) -> bool:
    """Say whether a claim was made before the results, word for word; without a lock nobody knows.

    A baseline or a margin that it does not name itself is part of it: ``compare`` must still have the same. So is its
    company: where a claim was withdrawn, the rest would be corrected for fewer.
    """
    if lock is None or not lock.before_results or claim.model_dump(mode="json") not in lock.compare["claims"]:
        return False
    declared = block(compare)
    if any(one not in declared["claims"] for one in lock.compare["claims"]):
        return False
    is_own = claim.margin is not None or claim.holds in ("higher", "lower")
    moved = not is_own and _moved(lock.compare, declared, claim.metric)
    return not moved and (claim.to is not None or lock.compare["to"] == declared["to"])


def _moved(before: dict[str, Any], now: dict[str, Any], name: str) -> bool:
    """Say whether a margin that holds for a primary is another one now: its own, its metric's, or that in a suite."""
    return any(
        before["margin"].get(one) != now["margin"].get(one)
        for one in {*before["margin"], *now["margin"]}
        if one.rpartition("/")[2] == name.rpartition("/")[2] and ("/" not in one or "/" not in name or one == name)
    )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Yield in words what a block says otherwise than the one that was locked."""
    for name, value in now.items():
        was = before.get(name)
        if was == value:
            continue
        if isinstance(value, dict) and isinstance(was, dict):
            for key in sorted({*value, *was}):
                if value.get(key) != was.get(key):
                    yield f"{name}.{key}: {_said(was.get(key))} was locked, {_said(value.get(key))} is declared"
        elif name == "claims":
            yield from _of_claims(was or [], value)
        else:
            yield f"{name}: {_said(was)} was locked, {_said(value)} is declared"


def _of_claims(before: list[Any], now: list[Any]) -> Iterator[str]:
    gone, new = sum(one not in now for one in before), sum(one not in before for one in now)
    if gone:
        yield f"{gone} of {len(before)} claims withdrawn or changed: the rest are not what was locked"
    if new:
        yield f"{new} {'claim' if new == 1 else 'claims'} added or changed"


def _said(value: Any) -> str:
    if value in (None, [], {}):
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
