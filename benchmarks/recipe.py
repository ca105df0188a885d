"""A whole recipe beside its arms run one by one, each in a workspace of its own, so that nothing is shared.

    python benchmarks/recipe.py [--study data-influence] [--profile pocket] [--seeds 1] [--rounds 1]

Goal: at least 2.5 times. Both sides are Leaven on all cores, in turns; what differs is that the recipe runs each shared
stage once (data, SFT steps that DPO arms go on from, the base's measurements) and keeps both cores at work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from leaven import declared
from leaven.study.matrix import expand
from leaven.study.spec import Study

LEAVEN = [sys.executable, "-c", "from leaven.cli import main; main()"]


def main() -> None:
    """Run both sides in turns and print their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--study", default="data-influence")
    parser.add_argument("--profile", default="pocket")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    loaded = declared.load(given.study, given.profile, [f"seeds={list(range(given.seeds))}"])
    study, ratios = loaded.model_copy(update={"profile": None, "settings": []}), []
    for _ in range(given.rounds):
        ours, apart = _seconds(study), sum(_seconds(one) for one in _alone(study))
        ratios.append(apart / ours)
        print(f"recipe {ours:.1f} s, arms apart {apart:.1f} s: {ratios[-1]:.2f} times", flush=True)
    print(f"median {statistics.median(ratios):.2f} times over {given.rounds} rounds, {given.seeds} seeds")


def _alone(study: Study) -> list[Study]:
    """Return a study of each arm, with what it needs and nothing to compare it with."""
    raw = study.model_dump(mode="json", exclude_defaults=True, exclude={"profile", "settings", "report"})
    made = []
    for arm in expand(study):
        one: dict[str, Any] = {**raw, "arms": {arm.stem: raw["arms"][arm.stem]}, "compare": {"to": arm.name}}
        one["evaluate"] = [_asked(suite, arm.stem) for suite in raw["evaluate"]]
        one["evaluate"] = [suite for suite in one["evaluate"] if suite is not None]
        made.append(Study(**one))
    return made


def _asked(suite: Any, arm: str) -> Any:
    """Return a suite as it asks one arm, None if it does not ask it."""
    ((name, args),) = suite.items()
    if args.get("arms") is not None and arm not in args["arms"]:
        return None
    return {name: {key: value for key, value in args.items() if key != "arms"}}


def _seconds(study: Study) -> float:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "study.yaml"
        file.write_text(declared.to_yaml(study), encoding="utf-8")
        began = time.monotonic()
        own = {**os.environ, "LEAVEN_WORKSPACE": str(Path(place) / "runs")}  # or both sides would share what is there
        command = [*LEAVEN, "run", str(file)]
        done = subprocess.run(command, cwd=place, env=own, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(
                f"{', '.join(arm.name for arm in expand(study))}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        return time.monotonic() - began


if __name__ == "__main__":
    main()
