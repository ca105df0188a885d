"""The arguments and options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.errors import Problem, StageError, StudyError

if TYPE_CHECKING:
    from leaven.engine.machine import Machine

RUNS = Path("runs")

StudyArgument = Annotated[str, typer.Argument(help="A study file, or the name of a shipped study.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Merge this profile of the study over it.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME.NAME=VALUE", help="Override one value; may be repeated.")
]
Workspace = Annotated[
    Path, typer.Option("--workspace", envvar="LEAVEN_WORKSPACE", help="Where results and answers are kept.")
]
Cores = Annotated[int | None, typer.Option("--cores", min=1, metavar="N", help="Use this many cores, not all.")]
Gpus = Annotated[int | None, typer.Option("--gpus", min=0, metavar="N", help="Use this many GPUs, not all.")]
Memory = Annotated[
    float | None, typer.Option("--memory", min=0.001, metavar="GB", help="Use this much memory, not all.")
]


def machine(cores: int | None, gpus: int | None, memory_gb: float | None) -> Machine:
    """Return the part of this machine that is asked for; raises StageError where there are fewer GPUs."""
    from leaven.engine.machine import this_machine

    found = this_machine(cores, gpus, memory_gb)
    if gpus and len(found.gpus) < gpus:
        there = "there is none" if not found.gpus else f"there are {len(found.gpus)}"
        raise StageError(f"--gpus {gpus}: {there} that this process may use; ask for fewer, or leave --gpus out")
    return found


def ready(file: Path, example: str) -> None:
    """Make the folder of a file that a person asked for; raises StudyError where nothing can be written there."""
    if file.is_dir():
        raise StudyError([Problem("--out", f"{file} is a folder", f"name a file, e.g. {file / example}")])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"the folder {file.parent} cannot be made: {error.strerror or error}"
        raise StudyError([Problem("--out", why, "name a file in a folder that is there")]) from error
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise StudyError([Problem("--out", f"{file} may not be written", "name another file")])
