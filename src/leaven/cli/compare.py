"""The commands that set results against results: compare, diff, gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace, ready
from leaven.cli.report import Format, emit
from leaven.cli.terminal import complain, console, printable
from leaven.errors import Problem, ReportError, StudyError

if TYPE_CHECKING:
    from leaven.report.findings import Findings

PAGE = Path("compared.html")
_HEAD = 1 << 14  # bytes in which a page names what made it
_SOURCE = "A run, lm-eval's samples, an Inspect log, CSV or Parquet with item_id; or label=path."
_MARGIN = "A difference of METRIC (or suite/METRIC) that counts as none, in its unit; may be repeated."

Margins = Annotated[list[str] | None, typer.Option("--margin", metavar="METRIC=NUMBER", help=_MARGIN)]
Open = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]


def compare(
    sources: Annotated[list[str], typer.Argument(metavar="A B ...", help=f"A is the baseline. {_SOURCE}")],
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=f"Where to write; {PAGE} for html.")] = None,
    format: Annotated[Format, typer.Option("--format", help="A page, or the answer and tables as text.")] = Format.HTML,
    primary: Annotated[list[str] | None, typer.Option("--primary", metavar="METRIC", help="The main outcome.")] = None,
    margin: Margins = None,
    open: Open = False,
    workspace: Workspace = RUNS,
) -> None:
    """Compare results item by item, of runs and of other tools: table, intervals, page."""
    from leaven import against
    from leaven.cli import compared

    found = against.compare(sources, workspace=workspace, primary=primary or (), margin=numbers("--margin", margin))
    made = _rendered(found.findings, format)
    if format is not Format.HTML and out is None:
        emit(made, format, None)
        return
    file = out or PAGE
    replaces = _refuse_strangers(file) if out is None else False
    ready(file, f"compared.{format.value}")
    compared.show(found)
    emit(made, format, file)
    if replaces:
        console().print(f"{PAGE} stood there before and was replaced; --out FILE writes elsewhere")
    if open:
        typer.launch(str(file))


def _refuse_strangers(page: Path) -> bool:
    """Say whether a page of Leaven stands there that will be replaced; raises StudyError for anybody else's file."""
    if not page.is_file():
        return False
    with page.open("rb") as stream:
        if b'<meta name="generator" content="Leaven">' not in stream.read(_HEAD):
            said = "is there already, and is no page of Leaven's"
            raise StudyError([Problem(str(page), said, "write --out FILE; nothing was overwritten")])
    return True


def _rendered(findings: Findings, format: Format) -> str:
    """Return findings as a page, or as text in another format."""
    if format is Format.HTML:
        from leaven.report.page import render

        return render(findings)
    from leaven.report.formats import render as written

    return written(findings, format.value)


def diff(  # noqa: PLR0913 - a command's options
    run: Annotated[str, typer.Argument(metavar="STUDY", help="A run: its name in the workspace, or its folder.")],
    arm_a: Annotated[str, typer.Argument(help="An arm, as the report names it.")],
    arm_b: Annotated[str, typer.Argument(help="The arm to set beside it.")],
    *,
    metric: Annotated[str | None, typer.Option("--metric", help="Whose scores differ; else the primary one.")] = None,
    suite: Annotated[str | None, typer.Option("--suite", help="Of this suite's items alone.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show so many items.")] = 5,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write both arms' page, with all texts.")
    ] = None,
    open: Open = False,
    workspace: Workspace = RUNS,
) -> None:
    """Show the items on which two arms differ most, side by side, word by word."""
    from leaven import diff as differences
    from leaven.cli import differing

    found = differences.diff(run, arm_a, arm_b, metric=metric, suite=suite, limit=limit, workspace=workspace)
    if out is not None:
        ready(out, "differing.html")
    differing.show(found)
    if out is not None:
        from leaven.report.page import render

        emit(render(differences.page(run, arm_a, arm_b, workspace)), Format.HTML, out)
        if open:
            typer.launch(str(out))


def gate(
    run: Annotated[str, typer.Argument(metavar="RUN", help=f"What is to pass. {_SOURCE}")],
    against: Annotated[str, typer.Option("--against", metavar="RUN", help="What it must not be worse than.")],
    *,
    margin: Annotated[
        list[str], typer.Option("--margin", metavar="METRIC=NUMBER", help="How much worse METRIC may be, in its unit.")
    ],
    arm: Annotated[str | None, typer.Option("--arm", help="Of this arm alone.")] = None,
    better: Annotated[
        list[str] | None, typer.Option("--better", metavar="METRIC=higher|lower", help="Which way is better.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Pass only what is shown not to be worse.")] = False,
    workspace: Workspace = RUNS,
) -> None:
    """Leave with exit code 1 if a run is worse than another by more than a margin, else 2 if that cannot be said."""
    from leaven import gate as gates
    from leaven.cli import gated

    try:
        verdicts = gates.gate(
            run, against, numbers("--margin", margin), arm=arm, better=dict(_pairs("--better", better or [])),
            strict=strict, workspace=workspace,
        )  # fmt: skip
    except ReportError as error:  # 1 means that the gate held something back, and nothing else
        complain(error)
        raise typer.Exit(2) from None
    out = console()
    for verdict in verdicts:
        out.print(printable(gated.line(verdict, strict=strict)))
    if said := gated.total(verdicts):
        out.print(said)
    if code := gated.exit_code(verdicts):
        raise typer.Exit(code)


def numbers(option: str, words: Sequence[str] | None) -> dict[str, float]:
    """Return ``METRIC=NUMBER`` options as a mapping; raises StudyError."""
    found = {}
    for name, value in _pairs(option, words or ()):
        try:
            found[name] = float(value)
        except ValueError:
            raise StudyError([Problem(option, f"'{value}' is no number", f"write {option} {name}=0.02")]) from None
    return found


def _pairs(option: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """Split ``name=value``; a metric's name may hold commas and slashes, and no equals sign."""
    for word in words:
        if "=" not in word.strip("="):
            raise StudyError([Problem(option, f"'{word}' says nothing", f"write {option} METRIC=VALUE")])
    return [(name, value) for name, _, value in (word.rpartition("=") for word in words)]
