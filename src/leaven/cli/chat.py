"""The command `chat`: talk to an arm of a run that is there."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import complain, console, printable
from leaven.errors import LeavenError

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.conversation import Conversation

_HELP = (
    "/tokens TOKEN ... puts control tokens in front (/tokens none: none), /reset forgets, /quit ends; a text that "
    "begins with / is written with //"
)


def chat(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run: its name in the workspace, or its folder.")],
    arm: Annotated[str, typer.Argument(metavar="ARM", help="An arm, as the report names it.")],
    *,
    seed: Annotated[int | None, typer.Option("--seed", help="Of this training seed; else of the first.")] = None,
    tokens: Annotated[
        list[str] | None,
        typer.Option("--tokens", metavar="TOKEN", help="Put this control token in front, not the arm's; repeat."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, help="An answer's longest.")] = 128,
    temperature: Annotated[float, typer.Option("--temperature", min=0, help="0 takes the likeliest token.")] = 1.0,
    raw: Annotated[
        bool | None,
        typer.Option("--raw/--no-raw", help="Go on from each line, without a chat template; so are texts trained on."),
    ] = None,
    workspace: Workspace = RUNS,
) -> None:
    """Talk to an arm: a line is asked, the answer printed; reads a pipe as well."""
    from transformers.utils import logging

    from leaven import conversation

    logging.disable_progress_bar()
    asked = None if tokens is None else [one for words in tokens for one in words.split()]
    found = conversation.speaker(run, arm, seed, workspace)
    talk = conversation.Conversation(found, asked, max_new_tokens, temperature, raw=raw)
    out = console()
    if sys.stdin.isatty():
        out.print(printable(f"{found.called}: {talk.manner}; {_HELP}"))
    try:
        for line in _lines():
            if not _heard(talk, line, out):
                break
    except (KeyboardInterrupt, EOFError):
        out.print()


def _lines() -> Iterator[str]:
    """Yield what a person types, or the lines of a pipe; what is no text in it is replaced."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if not sys.stdin.isatty():
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    while True:
        yield input("> ")


def _heard(talk: Conversation, line: str, out: Console) -> bool:
    """Do what a line says; say whether to go on. What cannot be done is said, and ends nothing."""
    word, *rest = line.split() or [""]
    try:
        if word == "/quit":
            return False
        if word == "/reset":
            talk.reset()
        elif word == "/tokens":
            _tokens(talk, rest, out)
        elif line.startswith("/") and not line.startswith("//"):
            out.print(printable(f"there is no command '{word}'; {_HELP}"))
        else:
            _answer(talk, line.removeprefix("/"), out)
    except LeavenError as error:
        complain(error)
    return True


def _tokens(talk: Conversation, tokens: list[str], out: Console) -> None:
    if tokens:
        talk.put_in_front([] if tokens == ["none"] else tokens)
    out.print(printable(f"in front: {' '.join(talk.tokens) or 'nothing'}; {_known(talk)}"))


def _known(talk: Conversation) -> str:
    known = talk.speaker.tokens
    return f"it knows {' '.join(known)}" if known else "it knows no control tokens"


def _answer(talk: Conversation, line: str, out: Console) -> None:
    """Print an answer line by line: what a model says must not drive the terminal."""
    if not line.strip() and not talk.raw:
        return
    said = talk.answer(line)
    for dropped in talk.notes():
        print(f"note: {dropped}", file=sys.stderr)  # noqa: T201
    for part in said.splitlines() or [""]:
        out.print(printable(part))
