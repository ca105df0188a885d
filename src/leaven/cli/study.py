"""The commands of a study: check, plan, lock, run."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from leaven.cli.options import (
    RUNS,
    Cores,
    Gpus,
    Memory,
    Profile,
    Settings,
    StudyArgument,
    Workspace,
    machine,
)
from leaven.cli.terminal import console, count, printable
from leaven.errors import StudyError


def check(
    study: StudyArgument, profile: Profile = None, settings: Settings = None, workspace: Workspace = RUNS
) -> None:
    """Check a study: structure, names, files' heads. Every error at once."""
    from leaven import verbs
    from leaven.study.matrix import cells

    sound = verbs.check(study, profile, settings or (), workspace)
    runs, arms = cells(sound), {cell.arm.name for cell in cells(sound)}
    counts = [count(len(arms), "arm"), count(len(runs), "run"), count(len(sound.evaluate), "suite")]
    console().print(f"{sound.name}: sound ({', '.join(counts)})")


def plan(
    study: StudyArgument,
    *,
    profile: Profile = None,
    settings: Settings = None,
    workspace: Workspace = RUNS,
    each: Annotated[bool, typer.Option("--all", help="A line for each stage, also for those that are alike.")] = False,
    cores: Cores = None,
    gpus: Gpus = None,
    memory: Memory = None,
) -> None:
    """Show each stage: there, to be run, or blocked; why, what it will cost, what can be found. Runs nothing."""
    from leaven import verbs
    from leaven.cli import planned

    used = machine(cores, gpus, memory)
    sound = verbs.check(study, profile, settings or (), workspace)
    explained = verbs.plan(sound, workspace, used)
    out = console()
    for line in (*planned.lines(explained, each=each), *planned.summary(explained, used)):
        out.print(line)
    for line in planned.priced(explained, used, sound.prices):
        out.print(line)
    powers = verbs.power(sound, workspace)
    for line in (*planned.findable(powers), *planned.uncounted(powers, sound.compare.primary)):
        out.print(printable(line))
    if loose := verbs.unpinned(sound):
        out.print(f"not pinned to a commit, so a run asks the hub first and keys may move: {', '.join(loose)}")
    if found := verbs.misfits([one.planned.stage for one in explained if one.planned.state == "blocked"], used):
        raise StudyError(found)


def lock(study: StudyArgument, profile: Profile = None, settings: Settings = None, workspace: Workspace = RUNS) -> None:
    """Hash what a study claims and compares, before there are results. What is declared later is exploratory."""
    from leaven import verbs

    taken = verbs.lock(verbs.check(study, profile, settings or (), workspace), workspace)
    console().print(f"locked {taken.written}: sha256 {taken.sha256}", soft_wrap=True)


def run(  # noqa: PLR0913 - a command's options
    study: StudyArgument,
    *,
    profile: Profile = None,
    settings: Settings = None,
    workspace: Workspace = RUNS,
    again: Annotated[
        list[str] | None,
        typer.Option(
            "--again", metavar="STAGE", help="Make this stage anew, with all that rests on it: a name, kind or key."
        ),
    ] = None,
    cores: Cores = None,
    gpus: Gpus = None,
    memory: Memory = None,
    limit: Annotated[
        float | None, typer.Option("--limit", min=0.1, metavar="SECONDS", help="The longest that one stage may take.")
    ] = None,
) -> None:
    """Run a study: train what is missing, measure, answer. Run it again to go on after a stop."""
    from leaven import verbs
    from leaven import workspace as workspaces
    from leaven.cli.progress import watching

    used = machine(cores, gpus, memory)
    sound = verbs.check(study, profile, settings or (), workspace)
    where = f"{sound.name} in {workspaces.study_folder(sound, workspace)}"
    try:
        with _heeding_terminate(), watching(where, workspaces.store(workspace)) as shown:
            ran = verbs.run(
                sound, workspace, on_event=shown, on_plan=shown.plan, again=again or (), machine=used, limit_s=limit
            )
    except KeyboardInterrupt:
        console().print(f"interrupted; the same command goes on where this one stopped: {_to_go_on(sys.argv[1:])}")
        raise typer.Exit(130) from None
    _conclude(ran)


def _conclude(ran: Any) -> None:
    """Print the answer; leave with exit code 1 if a stage failed."""
    out = console()
    for sentence in (*ran.data, *ran.warnings, *ran.answer):
        out.print(printable(sentence))
    out.print(f"report: {ran.report}")
    if not ran.outcome.complete:
        failed, blocked = len(ran.outcome.failed), len(ran.outcome.blocked)
        out.print(f"{count(failed, 'stage')} failed and {blocked} rest on them; the same command tries again")
        raise typer.Exit(1)


@contextmanager
def _heeding_terminate() -> Iterator[None]:
    """Let SIGTERM stop a run as cleanly as Ctrl-C does; a second one does not disturb the stopping."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _to_go_on(words: list[str]) -> str:
    """Return the command that goes on: the same, but ``--again`` would discard once more what was just made."""
    kept, skip = [], False
    for word in words:
        if not skip and word != "--again" and not word.startswith("--again="):
            kept.append(word)
        skip = word == "--again" and not skip
    return printable(shlex.join(["leaven", *kept]))
