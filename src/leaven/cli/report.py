"""The command that makes the answer of a run again: as a page, as text, or live."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import console, printable
from leaven.errors import Problem, StoreError, StudyError


class Format(StrEnum):
    """What an answer can be written as."""

    HTML = "html"
    MARKDOWN = "md"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


RunArgument = Annotated[str, typer.Argument(help="A run: its name in the workspace, or its folder.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to this file.")]


def report(
    study: RunArgument,
    *,
    workspace: Workspace = RUNS,
    format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="html: the page. md, latex: the answer and its tables. csv: each comparison and mean. "
            "json: the answer, comparisons and analyses.",
        ),
    ] = Format.HTML,
    out: Out = None,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Serve the page on this machine alone while a run goes on.")] = (
        False
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The live page's port; 0: any.")] = 0,
) -> None:
    """Make the answer of a run again, from what is there; or watch it while it runs."""
    from leaven import answered

    if live:
        if format is not Format.HTML or out is not None:
            what = "--format" if format is not Format.HTML else "--out"
            raise StudyError(
                [
                    Problem(
                        "--live", f"serves a page, and writes nothing: {what} says nothing to it", f"leave {what} out"
                    )
                ]
            )
        from leaven.live import serve

        serve(study, workspace, port=port, open=open, say=lambda line: console().print(line, soft_wrap=True))
        return
    if out is not None:
        require_file(out)
    if format is Format.HTML:
        made = answered.answer(study, workspace)
        if out is not None:
            write(out, made.page.read_text(encoding="utf-8"))
        if made.found.unfinished:
            console().print(printable(made.found.unfinished))
        console().print(f"report: {printable(str(out or made.page))}")
        if open:
            typer.launch(str(out or made.page))
        return
    emit(answered.text(study, format.value, workspace), format, out)


def emit(text: str, format: Format, out: Path | None) -> None:
    """Write text to a file, or to the terminal: what was asked for, and nothing else, so that it can be piped."""
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
    else:
        write(out, text)
        console().print(f"{'page' if format is Format.HTML else format.value}: {printable(str(out))}")


def require_file(out: Path) -> None:
    """Raise StudyError where ``--out`` names a folder: said before anything is made."""
    if out.is_dir():
        raise StudyError([Problem("--out", f"{out} is a folder", "--out needs a file name")])


def write(file: Path, text: str) -> None:
    """Write a file that a person asked for; a folder that is not there is made, and named."""
    require_file(file)
    try:
        if not file.parent.exists():
            file.parent.mkdir(parents=True)
            console().print(f"made the folder {printable(str(file.parent))}")
        file.write_text(text, encoding="utf-8")  # in place: it may be a link, or /dev/stdout
    except OSError as error:
        raise StoreError(f"--out {file}: no file can be written there ({error.strerror}); name another one") from error
