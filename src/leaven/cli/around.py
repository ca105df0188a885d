"""The commands around studies: list, init, schema, env."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import columns, console, memory, printable, size
from leaven.errors import Problem, StoreError, StudyError

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY")


def list_(
    what: Annotated[str, typer.Argument(help="studies, or a kind of plug-in.")] = "studies",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List what is shipped: studies, formats, treatments, trainers, wraps, judges, suites, metrics and their values."""
    from leaven import verbs

    if as_json:
        print(json.dumps(verbs.described(what), indent=1, ensure_ascii=False))  # noqa: T201 - not for a line's width
        return
    out = console()
    for name, (line, *arguments) in verbs.listing(what).items():
        out.print(f"{name:20}  {line}")
        for argument in arguments:
            out.print(f"{'':20}    {argument}")


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("my-study.yaml"),
    recipe: Annotated[str, typer.Option("--from", metavar="STUDY", help="The shipped study to begin with.")] = (
        "quickstart"
    ),
) -> None:
    """Write a study file to begin with: a shipped study under a name of its own."""
    from leaven import verbs

    file = file if file.suffix in (".yaml", ".yml") else file.with_name(f"{file.name}.yaml")
    try:
        text = verbs.find(recipe).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError([Problem(recipe, "cannot be read", "`leaven list studies` names what is shipped")]) from error
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_own(text, _name(file), file, recipe))
    except FileExistsError:
        problem = Problem(str(file), "is there already, and is not overwritten", "name another file")
        raise StudyError([problem]) from None
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror or error}") from error
    out = console()
    out.print(f"written: {file}")
    out.print(f"next: leaven check {file}; leaven plan {file}; leaven run {file}")


def _name(file: Path) -> str:
    """Return a study's name from its file's: names become folders, and `store` is one already."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-_")[:60].rstrip("-_") or "study"
    return f"my-{name}" if name == "store" else name


def _own(text: str, name: str, file: Path, recipe: str) -> str:
    """Return a recipe's text under another name, its first comment replaced."""
    body = re.sub(r"\A(?:#[^\n]*\n)*", "", text)
    body = re.sub(r"^name:[^\n]*$", f"name: {name}", body, count=1, flags=re.MULTILINE)
    return (
        f"# Begun from the study {recipe}. Change what you like: `leaven check {file.name}` names every mistake,\n"
        f"# `leaven plan {file.name}` shows what would run, `leaven list trainers` (or treatments, metrics,\n"
        "# formats) what can be said. Paths start from the folder in which the command is run.\n"
        f"{body}"
    )


def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from leaven.schema import study_schema

    print(json.dumps(study_schema(), indent=1, ensure_ascii=False))  # noqa: T201 - not a line for a terminal's width


def env(workspace: Workspace = RUNS) -> None:
    """Show what runs would run with: versions, commit, machine, disk, Hugging Face settings; no secret is shown."""
    from leaven.engine.machine import this_machine
    from leaven.provenance import made_by

    made, here = made_by(), this_machine()
    gpus = [f"{gpu.name} ({memory(gpu.memory_mb) if gpu.memory_mb else 'memory unknown'})" for gpu in here.gpus]
    commit = f"{made['commit'][:12]}{', with local changes' if made['dirty'] else ''}" if made["commit"] else "unknown"
    rows = [(name, version or "not installed") for name, version in made["versions"].items()]
    rows += [("python", made["python"]), ("commit", commit), ("system", made["machine"])]
    rows += [("cores", str(here.cores)), ("memory", memory(here.memory_mb)), ("GPUs", ", ".join(gpus) or "none")]
    rows += [("workspace", _disk(workspace)), *_hugging_face()]
    out = console()
    for line in columns(rows):
        out.print(printable(line))


def _disk(workspace: Path) -> str:
    """Say where the workspace is, or would be, and how much room is left there."""
    there = next(folder for folder in (workspace.absolute(), *workspace.absolute().parents) if folder.exists())
    try:
        free = size(shutil.disk_usage(there).free)
    except OSError as error:
        free = f"unknown: {error.strerror}"
    return f"{workspace}{'' if workspace.exists() else ' (not there yet)'}, free: {free}"


def _hugging_face() -> list[tuple[str, str]]:
    """Return where models of the hub are kept, whether it may be asked, which tokens are set (never their values)."""
    home = Path(os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    rows = [("hub cache", f"{cache}{'' if cache.exists() else ' (not there)'}")]
    rows += [(name, os.environ.get(name, "not set")) for name in _OFFLINE]
    rows += [(name, "set" if os.environ.get(name) else "not set") for name in _TOKENS]
    token = Path(os.environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    return [*rows, ("hub token file", "there" if token.is_file() else "not there")]
