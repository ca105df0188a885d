"""Check the statistics on simulated studies whose truth is known; prints the tables of docs/statistics.md.

    python scripts/simulate_statistics.py                       # every part, 100 studies a row
    python scripts/simulate_statistics.py power --runs 2000     # one part, as in the documentation

Each part is a file of scripts/simulations/; the same numbers come out on any number of processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import simulate_doses
import simulate_parts
from simulations import coverage, crossed, margins, nulls, powers, ratios, resampling, whole
from simulations.studies import Studies, studies

PARTS: dict[str, tuple[Callable[[Studies], None], ...]] = {
    "coverage": (coverage.table, coverage.normal_table),
    "nulls": (nulls.table,),
    "models": (nulls.models_table,),
    "power": (powers.table,),
    "margins": (margins.table,),
    "sizes": (ratios.table,),
    "bootstrap": (resampling.table,),
    "studies": (whole.whole_table,),
    "groups": (lambda on: simulate_parts.groups_table(on.n),),
    "crossed": (crossed.table,),
    "audit": (lambda on: simulate_parts.audit_table(on.n),),
    "verdicts": (lambda on: simulate_parts.verdicts_table(on.n),),
    "doses": (lambda on: simulate_doses.doses_table(on.n),),
}


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; without any, all")
    parser.add_argument("--runs", type=int, default=100, help="simulated studies per row")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    with studies(asked.runs, asked.processes) as on:
        for name in asked.parts or PARTS:
            print(f"\n## {name}: {asked.runs:,} studies a row\n", flush=True)
            for number, part in enumerate(PARTS[name]):
                print("\n" * (number > 0), end="")
                part(on)


if __name__ == "__main__":
    main()
