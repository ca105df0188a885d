"""The command `chat`: talk to an arm of a run that is there, to two side by side, or let two talk to each other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import console, printable

if TYPE_CHECKING:
    from leaven.conversation import Conversation, Speaker


def chat(  # noqa: PLR0913 - the options of a command
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run: its name in the workspace, or its folder.")],
    arms: Annotated[
        list[str], typer.Argument(metavar="ARM [ARM]", help="An arm, as the report names it; or two, side by side.")
    ],
    *,
    seed: Annotated[int | None, typer.Option("--seed", help="Of this training seed; else of the first.")] = None,
    tokens: Annotated[
        list[str] | None,
        typer.Option("--tokens", metavar="TOKEN", help="Put this control token in front, not the arm's; repeat."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="An answer's longest.")] = 128,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0, help="Not the arm's own, else 1; 0 takes the likeliest token."),
    ] = None,
    raw: Annotated[
        bool | None,
        typer.Option(
            "--raw/--no-raw", help="Go on from each line, without template and methods; so are texts trained on."
        ),
    ] = None,
    converse: Annotated[
        int | None, typer.Option("--converse", min=1, metavar="N", help="Let two arms talk to each other for N turns.")
    ] = None,
    opening: Annotated[
        str | None,
        typer.Option("--opening", metavar="TEXT", help="With --converse: what is said first; else a line is read."),
    ] = None,
    workspace: Workspace = RUNS,
) -> None:
    """Talk to an arm with its prompt-time methods and guards on; a line is asked, the answer told as it is made.

    With two arms each line is asked of both. Reads a pipe as well. /why shows what decided about the last answer.
    """
    from transformers.utils import logging

    from leaven.cli import conversing, talking
    from leaven.conversation import Conversation, speakers

    _refuse(arms, converse, opening)
    logging.disable_progress_bar()
    asked = None if tokens is None else [one for words in tokens for one in words.split()]
    found = speakers(run, arms, seed, workspace)
    items = ["chat", "chat" if converse is None else "chat 2"]  # side by side they draw alike
    talks = [
        Conversation(who, asked, max_new_tokens, temperature, raw=raw, item=item)
        for who, item in zip(found, items, strict=False)
    ]
    names, out = _names(found), console()
    if sys.stdin.isatty():
        _introduce(names, talks, converse)
    try:
        if converse is not None:
            conversing.converse(names, talks, converse, opening, out)
        else:
            talking.talk(names, talks, out)
    except (KeyboardInterrupt, EOFError):
        out.print()


def _refuse(arms: list[str], converse: int | None, opening: str | None) -> None:
    """Raise StudyError for arguments that do not go together, before anything is loaded."""
    from leaven.errors import Problem, StudyError

    said = []
    if len(arms) > 2:
        said.append(Problem("chat", f"{len(arms)} arms are given", "give one, or two to be asked side by side"))
    if converse is not None and len(arms) == 1:
        said.append(Problem("--converse", "one arm is given, and it takes two to talk", f"write {arms[0]} twice, "
                            "or name another arm behind it"))  # fmt: skip
    if opening is not None and converse is None:
        said.append(Problem("--opening", "has no effect without --converse", "add --converse N, or take it out"))
    if said:
        raise StudyError(said)


def _names(found: list[Speaker]) -> list[str]:
    """Return what each is called; an arm that talks to itself has its place behind."""
    names = [printable(one.called) for one in found]
    return names if len(set(names)) == len(names) else [f"{name} ({place + 1})" for place, name in enumerate(names)]


def _introduce(names: list[str], talks: list[Conversation], converse: int | None) -> None:
    from leaven.cli.talking import HELP

    out = console()
    for name, talk in zip(names, talks, strict=True):
        held = "" if talk.streams else "; an answer is shown when it is whole"
        out.print(printable(f"{name}: {talk.manner}{held}"))
    if converse is None:
        out.print(HELP)
