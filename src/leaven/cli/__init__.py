"""The command line; each command is a few lines over a verb."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from leaven.cli import (
    around,
    audit,
    chat,
    compare,
    data,
    doctor,
    export,
    probe,
    push,
    report,
    safety_score,
    study,
    upkeep,
)
from leaven.cli.terminal import complain
from leaven.errors import LeavenError

app = typer.Typer(
    help="Leaven: what does this data do to my model?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; what is wrong for a person is printed without a traceback."""
    try:
        app()
    except LeavenError as error:
        complain(error)
        sys.exit(error.exit_code)


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


_COMMANDS: dict[str, dict[str, Callable[..., Any]]] = {
    "Studies": {
        "check": study.check, "plan": study.plan, "lock": study.lock, "run": study.run,
        "data": data.data, "doctor": doctor.doctor, "init": around.init, "list": around.list_, "schema": around.schema,
    },
    "Answers": {
        "report": report.report, "compare": compare.compare, "diff": compare.diff, "gate": compare.gate,
        "audit": audit.audit, "chat": chat.chat, "probe": probe.probe, "export": export.export, "push": push.push,
        "safety-score": safety_score.safety_score,
    },
    "Workspaces": {
        "status": upkeep.status, "stage": upkeep.stage, "gc": upkeep.gc, "adopt": upkeep.adopt, "env": around.env,
    },
}  # fmt: skip

for _panel, _commands in _COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(name=_name, rich_help_panel=_panel)(_command)
