"""The commands that look after a workspace: status, stage, gc, adopt."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaven.cli.estimate import told
from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import columns, console, count, duration, printable, size
from leaven.errors import LeavenError, ReportError

if TYPE_CHECKING:
    from leaven.engine.stage import Task
    from leaven.engine.store import Store
    from leaven.upkeep import Status

_LOG_LINES = 8
_WORDS = {"begun": "begun and stopped"}  # the others are words already
_STATES = ("done", "running", "failed", "blocked", "begun", "waiting")


def status(
    run: Annotated[str | None, typer.Argument(help="A run: its name in the workspace, or its folder.")] = None,
    workspace: Workspace = RUNS,
    each: Annotated[bool, typer.Option("--all", help="List each stage with its state and key.")] = False,
) -> None:
    """Show what is done, running, failed (with the log's last lines) and waiting; of all runs, or of one."""
    from leaven import upkeep
    from leaven import workspace as workspaces

    if run is None:
        return _overview(workspace)
    folder = workspaces.run_folder(run, workspace)
    store = workspaces.store(folder.parent)
    found = upkeep.status(folder, store)
    out = console()
    unfinished = len(found.of("done")) < len(found.stages)
    at_work = workspaces.is_running(folder)
    now = "; a run is at work" if at_work else "; no run is at work, `leaven run` goes on" if unfinished else ""
    out.print(f"{printable(str(folder))}: {_counts(found)}{now}")
    for line in _listed(found) if each else _remarkable(found, store):
        out.print(printable(line))
    if found.of("failed"):
        raise typer.Exit(1)


def _overview(workspace: Path) -> None:
    """Print a line for each run of a workspace."""
    from leaven import upkeep
    from leaven import workspace as workspaces

    out, store, bad = console(), workspaces.store(workspace), False
    folders = workspaces.runs(workspace)
    if not folders:
        out.print(f"there are no runs in {workspace}")
    width = max((len(folder.name) for folder in folders), default=0)
    for folder in folders:
        try:
            found = upkeep.status(folder, store)
            said, bad = _counts(found), bad or bool(found.of("failed"))
        except ReportError as error:
            said, bad = str(error), True
        out.print(printable(f"{folder.name:{width}}  {said}"))
    if bad:
        raise typer.Exit(1)


def _counts(found: Status) -> str:
    from leaven import upkeep

    counts = Counter(state for _, state in upkeep.told(found.stages))
    parts = [f"{counts['done']} of {count(len(found.stages), 'stage')} done"]
    return ", ".join(parts + [f"{counts[state]} {_WORDS.get(state, state)}" for state in _STATES[1:] if counts[state]])


def _listed(found: Status) -> list[str]:
    from leaven import upkeep

    titles = {task.key: task.title for task, _ in found.stages}
    return columns([(_WORDS.get(state, state), key[:12], titles[key]) for key, state in upkeep.told(found.stages)])


def _remarkable(found: Status, store: Store) -> Iterator[str]:
    """Yield what a person would ask about: what runs and how far it is, what failed and why, what was stopped."""
    for task in found.of("running"):
        yield f"running  {task.key[:12]}  {', '.join([task.title, *told(store.progress(task))])}"
    for task in found.of("failed"):
        about = store.failure(task) or {}
        message = str(about.get("message", "no reason is known"))
        yield f"failed   {task.key[:12]}  {task.title}: {message}"
        lines = [str(line) for line in about.get("last_lines") or store.log_tail(task) if str(line).strip()]
        yield from (f"    | {line}" for line in lines[-_LOG_LINES:] if message not in line)
    for task in found.of("begun"):
        far = told(store.progress(task))[:1]
        yield f"begun    {task.key[:12]}  {', '.join([task.title, *far])}; stopped, the next run goes on with it"


def stage(
    key: Annotated[str, typer.Argument(help="A stage: the beginning of its key, or its name.")],
    workspace: Workspace = RUNS,
    again: Annotated[bool, typer.Option("--again", help="Make it anew, though its result is there.")] = False,
    pdb: Annotated[bool, typer.Option("--pdb", help="Enter the debugger where it fails.")] = False,
) -> None:
    """Make one stage in the foreground, its output on this terminal: for a look at what went wrong."""
    from leaven import upkeep
    from leaven import workspace as workspaces

    task = workspaces.find_stage(key, workspace)
    folder, started = workspaces.store(workspace).folder(task), time.monotonic()
    try:
        made = upkeep.make(task, workspace, _settle(task), again=again, on_start=lambda: _begin(task))
    except LeavenError:
        if pdb:
            _debug()
        raise
    except Exception:
        for line in traceback.format_exc().splitlines():
            print(printable(line), file=sys.stderr)  # noqa: T201
        if pdb:
            _debug()
        raise typer.Exit(1) from None
    took = f"made in {duration(time.monotonic() - started)}" if made else "there already (--again makes it anew)"
    console().print(f"{printable(task.title)}: {took}: {printable(str(folder))}")


def _begin(task: Task) -> None:
    console().print(f"{printable(task.title)} ({task.key})")


def _debug() -> None:
    """Enter the debugger in the frame that raised."""
    import pdb

    pdb.post_mortem(sys.exc_info()[2])


def _settle(task: Task) -> dict[str, Any]:
    """Take on the circumstances that a run would give the stage; return what its record says of them."""
    from leaven.engine.local import environment
    from leaven.engine.machine import this_machine
    from leaven.engine.warm import limit_threads
    from leaven.provenance import made_by

    here = this_machine()
    threads = min(task.needs["cores"] or here.cores_of_one, here.cores)
    gpus = here.gpus if task.needs.get("gpus") == "all" else here.gpus[:1]
    os.environ.update(environment(threads, gpus if task.needs["gpu"] else ()))
    limit_threads(threads)
    return {**made_by(), "threads": threads}


def gc(
    workspace: Workspace = RUNS,
    delete: Annotated[bool, typer.Option("--delete", help="Remove it. Without this, it is only listed.")] = False,
) -> None:
    """List what no run of the workspace needs, with sizes; --delete removes it."""
    from leaven import upkeep
    from leaven import workspace as workspaces

    found = upkeep.collect(workspace) if delete else upkeep.garbage(workspace)
    out = console()
    rows = [(size(one.size), f"{one.kind}/{one.path.name}", one.why) for one in found]
    for line in columns(rows, right=[0]):
        out.print(printable(line))
    total = f"{count(len(found), 'thing')}, {size(sum(one.size for one in found))}"
    if delete:
        out.print(f"removed {total}")
    elif found:
        out.print(f"{total} that no run needs; `{workspaces.command(workspace, 'gc', '--delete')}` removes them")
    else:
        out.print(f"nothing to remove: nothing lies in {workspace} that no run needs")


def adopt(
    path: Annotated[Path, typer.Argument(help="A model's folder, or a data file or folder.")],
    name: Annotated[str, typer.Option("--name", help="What studies call it: adopted:NAME.")],
    workspace: Workspace = RUNS,
    replace: Annotated[bool, typer.Option("--replace", help="Let a name that is taken mean this from now on.")] = False,
) -> None:
    """Copy a model or data into the workspace, under a name that studies can use: adopted:NAME."""
    from leaven import adopted
    from leaven.provenance import made_by

    copy = adopted.adopt(path, name, workspace, made_by(), replace=replace)
    field = "model_name_or_path" if (copy / "config.json").is_file() else "source"
    out = console()
    out.print(f"adopted: {printable(str(path))} is now {printable(str(copy))}")
    out.print(f"in a study: `{field}: {adopted.PREFIX}{name}`")
