"""The command line: check, plan, run, report, list."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaven.errors import LeavenError, StudyError

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.engine.run import Planned

app = typer.Typer(
    help="Leaven: what does this data do to my model?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyArgument = Annotated[str, typer.Argument(help="A study file, or the name of a shipped study.")]
Profile = Annotated[str | None, typer.Option("--profile", help="Merge this profile of the study over it.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME.NAME=VALUE", help="Override one value; may be repeated.")
]
Workspace = Annotated[
    Path, typer.Option("--workspace", envvar="LEAVEN_WORKSPACE", help="Where results and answers are kept.")
]
RUNS = Path("runs")


def main() -> None:
    """Run the command line; what is wrong for a person is printed without a traceback."""
    try:
        app()
    except LeavenError as error:
        _complain(error)
        sys.exit(error.exit_code)


def _complain(error: LeavenError) -> None:
    lines = [str(problem) for problem in error.problems] if isinstance(error, StudyError) else [str(error)]
    for line in lines:
        print(f"error: {_printable(line)}", file=sys.stderr)  # noqa: T201


def _printable(text: str) -> str:
    """Keep what strangers wrote from driving the terminal."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in spaced)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


def _version(wanted: bool) -> None:
    if wanted:
        from leaven import __version__

        print(f"leaven {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Leaven: what does this data do to my model?"""


@app.command()
def check(study: StudyArgument, profile: Profile = None, settings: Settings = None) -> None:
    """Check a study: structure, names, files' heads. Every error at once."""
    from leaven import verbs
    from leaven.study.matrix import cells

    sound = verbs.check(study, profile, settings or ())
    runs, arms = cells(sound), {cell.arm.name for cell in cells(sound)}
    counts = [_count(len(arms), "arm"), _count(len(runs), "run"), _count(len(sound.evaluate), "suite")]
    _console().print(f"{sound.name}: sound ({', '.join(counts)})")


@app.command()
def plan(study: StudyArgument, profile: Profile = None, settings: Settings = None, workspace: Workspace = RUNS) -> None:
    """Show each stage: there already, to be run, and why."""
    from leaven import verbs

    planned = verbs.plan(verbs.check(study, profile, settings or ()), workspace)
    console = _console()
    for one in planned:
        console.print(f"{one.state:4}  {one.stage.key[:8]}  {_printable(one.stage.title):50}  {_printable(one.why)}")
    states = [one.state for one in planned]
    console.print(
        f"{states.count('run')} to run, {states.count('hit')} there, {states.count('idle')} not needed any more"
    )


@app.command()
def run(study: StudyArgument, profile: Profile = None, settings: Settings = None, workspace: Workspace = RUNS) -> None:
    """Run a study: train what is missing, measure, answer. Run it again to go on after a stop."""
    from leaven import verbs

    sound = verbs.check(study, profile, settings or ())
    console = _console()
    lines = _Lines(console, f"{sound.name} in {verbs.study_folder(sound, workspace)}")
    try:
        ran = verbs.run(sound, workspace, lines, lines.plan)
    except KeyboardInterrupt:
        console.print("interrupted; the same command goes on where this one stopped")
        raise typer.Exit(130) from None
    for sentence in (*ran.data, *ran.warnings, *ran.answer):
        console.print(_printable(sentence))
    console.print(f"report: {ran.report}")
    if not ran.outcome.complete:
        failed, blocked = len(ran.outcome.failed), len(ran.outcome.blocked)
        console.print(f"{_count(failed, 'stage')} failed and {blocked} rest on them; the same command tries again")
        raise typer.Exit(1)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class _Lines:
    """Prints a line for each finished stage that took its time, and for each that failed."""

    _BRIEF_S = 0.5

    def __init__(self, console: Console, where: str):
        self._console, self._where, self._total, self._count, self._since = console, where, 0, 0, 0.0

    def plan(self, planned: list[Planned], replaces: bool) -> None:
        """Say how much there is to do, and whether another study's answer is replaced."""
        if replaces:
            self._console.print("another study of this name ran here: its answer is replaced, its results stay")
        self._total = sum(one.state == "run" for one in planned)
        self._console.print(f"{_printable(self._where)}: {_count(self._total, 'stage')} to run")

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "start":
            self._since = time.monotonic()
            return
        self._count += 1
        took = time.monotonic() - self._since
        if event.get("reused"):
            self._say(event, "made by another run meanwhile")
        elif event["event"] == "failed":
            self._say(event, f"failed: {event['message']}")
        elif took >= self._BRIEF_S or self._count == self._total:
            self._say(event, f"{took:.1f} s")

    def _say(self, event: dict[str, Any], said: str) -> None:
        self._console.print(f"[{self._count:>3}/{self._total}] {_printable(event['title'])}  {_printable(said)}")


@app.command()
def report(
    study: Annotated[str, typer.Argument(help="A run: its name in the workspace, or its folder.")],
    workspace: Workspace = RUNS,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Make the page of a run again, from what is there."""
    from leaven import verbs

    page = verbs.report(study, workspace)
    _console().print(f"report: {page}")
    if open:
        typer.launch(str(page))


@app.command(name="list")
def list_(what: Annotated[str, typer.Argument(help="studies, or a kind of plug-in.")] = "studies") -> None:
    """List what is shipped: studies, formats, treatments, trainers, suites, metrics."""
    from leaven import verbs

    console = _console()
    for name, (line, *arguments) in verbs.listing(what).items():
        console.print(f"{name:20}  {line}")
        for argument in arguments:
            console.print(f"{'':20}    {argument}")
