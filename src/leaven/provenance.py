"""What made the results: versions, commit, machine, and what each stage cost. It is recorded, and enters no key."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.graph import Graph

_PACKAGES = ("leaven", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy", "scipy")
_MADE = ("versions", "python", "machine", "commit", "dirty")  # of a maker; its threads are each stage's own


def made_by() -> dict[str, Any]:
    """Return what makes results here and now: versions, commit, machine. It is recorded, and enters no key."""
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        **_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> dict[str, Any]:
    """Return commit and dirty flag where Leaven runs from a checkout of its own."""
    here = str(Path(__file__).parent)
    try:
        commit = _git(here, "rev-parse", "HEAD")
        tracked = _git(here, "ls-files", "--error-unmatch", Path(__file__).name)
        dirty = bool(_git(here, "status", "--porcelain", "--untracked-files=no", "."))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit if tracked else None, "dirty": dirty}


def _git(where: str, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, and a path of our own
        ["git", "-C", where, *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def of(graph: Graph, store: Store) -> dict[str, Any]:
    """Return, per stage, its key, what made it and what it cost; then who made them, and who wrote this down.

    ``makers`` are distinct, each with how many trainings and stages it made or began; ``made_by`` is the first of them,
    None where nothing was made. A stage of an arm is named by its place in the run's folder, another by its title.
    """
    every = {stage.key: stage for stage in closure(graph.targets)}
    named = dict(_named(graph))
    shared = {stage.title: stage for stage in every.values() if stage.key not in {one.key for one in named.values()}}
    records = {place: (stage, store.record(stage)) for place, stage in {**shared, **named}.items()}
    stages = {place: _stage(stage, record) for place, (stage, record) in records.items() if record is not None}
    makers = _makers(stages, {stage.key for cell in graph.cells for stage in cell.trained})
    made = {name: makers[0][name] for name in _MADE} if makers else None
    return {
        "written": now(), "written_by": made_by(), "made_by": made, "makers": makers, "in_all": len(every),
        "stages": stages,
    }  # fmt: skip


def _named(graph: Graph) -> Iterator[tuple[str, Stage]]:
    for cell in graph.cells:
        for name, stage in cell.stages.items():
            yield f"{cell.cell.arm.name}/{cell.cell.seed}/{name}", stage


def _stage(stage: Stage, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": stage.key,
        "made_by": record["made_by"],
        "began_by": record.get("began_by", []),
        "cost": record["cost"],
        "device": record["facts"].get("device"),
        "threads": record["made_by"]["threads"],
    }


def _makers(stages: dict[str, Any], trained: set[str]) -> list[dict[str, Any]]:
    """Return the distinct makers of stages, whoever made most trainings first; a stage that arms share counts once."""
    found: dict[str, dict[str, Any]] = {}
    for one in {stage["key"]: stage for stage in stages.values()}.values():
        for maker, part in ((one["made_by"], "stages"), *((other, "began") for other in one["began_by"])):
            known = {name: maker.get(name) for name in _MADE}
            counts = found.setdefault(json.dumps(known), {**known, "trainings": 0, "stages": 0, "began": 0})
            counts[part] += 1
            counts["trainings"] += part == "stages" and one["key"] in trained
    return sorted(found.values(), key=lambda maker: (-maker["trainings"], -maker["stages"]))


def for_people(provenance: dict[str, Any]) -> dict[str, str]:
    """Return in words what made a run's results, and what wrote the page, as a page shows it."""
    makers, wrote = provenance["makers"], provenance["written_by"]
    wall = sum({stage["key"]: stage["cost"]["wall_s"] for stage in provenance["stages"].values()}.values())
    done = len({stage["key"] for stage in provenance["stages"].values()})
    keys = sorted({f"{place}: {stage['key']}" for place, stage in provenance["stages"].items()})
    results = {
        "commit": _apart(makers, _said_commit, always=True),
        "versions": _apart(makers, _said_versions),
        "machine": _apart(makers, lambda maker: str(maker["machine"])),
        "time": f"{wall:.0f} s in {done} of {provenance['in_all']} stages",
    }
    page = (
        f"{provenance['written']}, by commit {_said_commit(wrote)}, with {_said_versions(wrote)}, on {wrote['machine']}"
    )
    return {**(results if makers else {}), "page written": page, "keys": "; ".join(keys)}


def _apart(makers: list[dict[str, Any]], say: Callable[[dict[str, Any]], str], *, always: bool = False) -> str:
    """Say what made the stages; how many each made, where makers differ in it or ``always``."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for maker in makers:
        alike.setdefault(say(maker), []).append(maker)
    if len(alike) == 1 and not always:
        return next(iter(alike))
    return "; ".join(f"{said} ({_share(group)})" for said, group in alike.items())


def _share(makers: list[dict[str, Any]]) -> str:
    trainings, stages, began = (sum(maker[name] for maker in makers) for name in ("trainings", "stages", "began"))
    others = stages - trainings
    parts = [(trainings, "training"), (others, "other stage" if trainings else "stage")]
    said = [f"{n:,} {what}{'' if n == 1 else 's'}" for n, what in parts if n]
    return ", ".join([*said, *([f"{began:,} begun, and finished by another"] if began else [])])


def _said_commit(maker: dict[str, Any]) -> str:
    return f"{maker['commit'] or 'unknown (not a git checkout)'}{', with local changes' if maker['dirty'] else ''}"


def _said_versions(maker: dict[str, Any]) -> str:
    versions = [f"{name} {version}" for name, version in maker["versions"].items() if version]
    return ", ".join([f"Python {maker['python']}", *versions])


def different_code(provenance: dict[str, Any]) -> list[str]:
    """Warn where results that are compared were made by different code, or trained in different circumstances."""
    stages = provenance["stages"].values()
    makers = [maker for one in stages for maker in (one["made_by"], *one["began_by"])]
    code = {json.dumps([maker[what] for what in ("versions", "commit", "dirty")]) for maker in makers}
    where = {
        f"{one['device']} with {one['threads']} thread{'' if one['threads'] == 1 else 's'}"
        for one in stages if one["device"] is not None
    }  # fmt: skip
    said = []
    if len(code) > 1:
        said.append(f"results of {len(code)} different versions of the code are compared; provenance.json says which")
    if len(where) > 1:
        said.append(
            f"arms were trained or asked on different devices or numbers of threads: {'; '.join(sorted(where))}"
        )
    return said


def now() -> str:
    """Return the time as it is recorded: UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
