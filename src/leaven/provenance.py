"""What made the results: versions, commit, machine, and what each stage cost. It is recorded, and enters no key."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from leaven.engine.store import Store
from leaven.graph import Graph

_PACKAGES = ("leaven", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy", "scipy")


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
    """Return, per stage, its key, what made it and what it cost."""
    stages: dict[str, Any] = {}
    for cell in graph.cells:
        for name, stage in cell.stages.items():
            record = store.record(stage)
            if record is not None:
                place = f"{cell.cell.arm.name}/{cell.cell.seed}/{name}"
                stages[place] = {
                    "key": stage.key,
                    "made_by": record["made_by"],
                    "began_by": record.get("began_by", []),
                    "cost": record["cost"],
                    "device": record["facts"].get("device"),
                    "threads": record["made_by"]["threads"],
                }
    return {"written": now(), "made_by": made_by(), "stages": stages}


def for_people(provenance: dict[str, Any]) -> dict[str, str]:
    """Return in words what made a run's results, as a page shows it."""
    made = provenance["made_by"]
    wall = sum({stage["key"]: stage["cost"]["wall_s"] for stage in provenance["stages"].values()}.values())
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items() if version)
    commit = made["commit"] or "unknown (not a git checkout)"
    keys = sorted({f"{place}: {stage['key']}" for place, stage in provenance["stages"].items()})
    return {
        "written": provenance["written"],
        "versions": f"Python {made['python']}, {versions}",
        "commit": f"{commit}{', with local changes' if made['dirty'] else ''}",
        "machine": made["machine"],
        "time": f"{wall:.0f} s in {len({stage['key'] for stage in provenance['stages'].values()})} stages",
        "keys": "; ".join(keys),
    }


def different_code(provenance: dict[str, Any]) -> list[str]:
    """Warn where results that are compared were made by different code, or trained in different circumstances."""
    stages = provenance["stages"].values()
    makers = [maker for one in stages for maker in (one["made_by"], *one["began_by"])]
    code = {json.dumps([maker[what] for what in ("versions", "commit", "dirty")]) for maker in makers}
    where = {json.dumps([one["device"], one["threads"]]) for one in stages if one["device"] is not None}
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
