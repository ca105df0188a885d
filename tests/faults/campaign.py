"""The fault campaign: harm a study's run in every way that is promised to be survived, and count what is not.

    python tests/faults/campaign.py --study quickstart --kills 100 --seed 0 --out faults.json

After each fault the same command is issued again; it must end with the measurements of an uninterrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import harms
import kills
from command import Tally
from trial import Trial

_COLUMNS = ("count", "reissued", "twice", "lost", "wrong", "orphans", "unclean")


def faults(number: int, of_each: int) -> dict[str, Callable[[Trial], list[Tally]]]:
    """Return every fault by name: so many kills, and so many of each other."""
    return {
        "kills": lambda trial: kills.killings(trial, number),
        "full-disk": lambda trial: [harms.full_disks(trial, of_each)],
        "damage": lambda trial: [harms.damages(trial, 4 * of_each)],
        "drivers": lambda trial: [harms.drivers_at_once(trial, max(1, of_each // 2), many) for many in (2, 4)],
        "memory": lambda trial: [kills.starvings(trial, of_each)],
        "removal": lambda trial: [harms.removals(trial, of_each)],
        "read-only": lambda trial: [harms.read_only(trial, max(1, of_each // 2))],
        "clock": lambda trial: [harms.clock_jumps(trial, max(1, of_each // 2))],
    }


def table(tallies: list[Tally]) -> str:
    """Return the table for people, with a line for whatever was not as promised."""
    rows = [("fault", *_COLUMNS)]
    rows += [(one.fault, *(str(getattr(one, name)) for name in _COLUMNS)) for one in tallies if not one.skipped]
    width = max(len(row[0]) for row in rows)
    lines = [f"{row[0]:{width}}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows]
    lines += [f"skipped: {one.fault}: {one.skipped}" for one in tallies if one.skipped]
    return "\n".join(lines + [f"{one.fault}: {note}" for one in tallies for note in one.notes])


def main() -> int:
    """Run the campaign; the exit code is 1 if anything was not as promised."""
    known = faults(0, 0)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="quickstart", help="a study file, or the name of a shipped study")
    parser.add_argument("--kills", type=int, default=100, help="how many processes to kill")
    parser.add_argument("--of-each", type=int, default=4, help="how often each other fault")
    parser.add_argument("--only", nargs="+", choices=known, default=list(known), help="these faults alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scratch", type=Path, help="where workspaces are made (a temporary folder)")
    parser.add_argument("--out", type=Path, help="where to write the table as JSON")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=told.scratch) as scratch:
        trial = Trial(told.study, Path(scratch), told.seed)
        print(f"uninterrupted: {trial.took_s:.1f} s, {trial.stages} stages", flush=True)
        tallies: list[Tally] = []
        for name, fault in faults(told.kills, told.of_each).items():
            if name in told.only:
                made = fault(trial)
                tallies += made
                print(table(made), flush=True)
                _write(told, trial, tallies)
    print("\n" + table(tallies))
    return 0 if all(one.sound for one in tallies) else 1


def _write(told: argparse.Namespace, trial: Trial, tallies: list[Tally]) -> None:
    """Write what is known so far: a campaign takes hours."""
    if told.out is None:
        return
    about = {"study": Path(told.study).name, "seed": told.seed, "kills": told.kills, "of_each": told.of_each}
    where = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    whole = {**about, **where, "uninterrupted_s": round(trial.took_s, 1), "stages": trial.stages}
    told.out.write_text(json.dumps({**whole, "faults": [asdict(one) for one in tallies]}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
