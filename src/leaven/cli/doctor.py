"""The command `doctor`: what is wrong with a model's tokenizer and template, and with what they make of data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import columns, console, count, duration, printable

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.data.doctor import Finding
    from leaven.data.doctor.dump import Dumped
    from leaven.data.doctor.layers import Layer
    from leaven.doctor import Diagnosis

_FOR = ("sft", "dpo", "reward", "lm")
_PACKING = ("none", "bfd", "bfd_split", "wrapped")
_RETURN = "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"
_COLOURS = {"error": "bold red", "warning": "yellow"}


def doctor(  # noqa: PLR0913, PLR0917 - the options of a command
    model: Annotated[str, typer.Argument(help="A folder, pocket, a name of the hub, adopted:NAME, or a study's file.")],
    data: Annotated[
        str | None, typer.Argument(help="A file, a folder, hub:owner/name, pocket:NAME; of a study, its data's name.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="Read rows so, not as columns suggest: a name, or '{hh: {turns: last}}'."),
    ] = None,
    training: Annotated[
        str | None, typer.Option("--for", help="Examine for sft, dpo, reward or lm, not for what the rows suggest.")
    ] = None,
    chat_template_path: Annotated[
        str | None,
        typer.Option("--chat-template-path", "--chat-template", help="Another chat template (a jinja file, or plain)."),
    ] = None,
    eos_token: Annotated[str | None, typer.Option("--eos-token", help="As model.eos_token in a study.")] = None,
    pad_token: Annotated[str | None, typer.Option("--pad-token", help="As model.pad_token in a study.")] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="In tokens; of a study's data that of its trainings.")
    ] = None,
    truncation: Annotated[bool, typer.Option("--truncation", help="Cut rows there, not leave them out.")] = False,
    assistant_only_loss: Annotated[
        bool, typer.Option("--assistant-only-loss", help="Train every answer of a conversation, not the last alone.")
    ] = False,
    packing: Annotated[str, typer.Option("--packing", help="Try TRL's packing: bfd, bfd_split or wrapped.")] = "none",
    attn_implementation: Annotated[
        str | None, typer.Option("--attn-implementation", help="With --packing: as model.attn_implementation.")
    ] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Of a model of the hub: commit or tag.")] = None,
    take: Annotated[int | None, typer.Option("--take", min=1, help="Look at the first so many rows only.")] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Show so many rows, token by token.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    workspace: Workspace = RUNS,
) -> None:
    """Examine BOS, EOS, pad, template, masks, packing and pooling on rendered token ids; loads no weights.

    Exit code 1 where there is an error.
    """
    from leaven.cli.export import quiet
    from leaven.doctor import Asked, diagnose

    given: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if name in Asked.__dataclass_fields__ and name not in ("format", "training", "packing")
    }
    with quiet():
        found = diagnose(Asked(**given, **_chosen(format, training, packing)))
    out = console()
    if as_json:
        print(json.dumps(found.as_dict(), ensure_ascii=True, indent=1))  # noqa: T201
    else:
        _show(out, found)
    if found.errors:
        raise typer.Exit(1)


def _chosen(format: str | None, training: str | None, packing: str) -> dict[str, Any]:
    """Return the options that are one of a few words, or a format; raises DataError for another word."""
    from leaven.cli.data import _step
    from leaven.errors import DataError, did_you_mean

    for option, word, known in (("--for", training, _FOR), ("--packing", packing, _PACKING)):
        if word is not None and word not in known:
            raise DataError(f"{option} {word}: {did_you_mean(word, known)}")
    return {"format": None if format is None else _step(format), "training": training, "packing": packing}


def _show(out: Console, found: Diagnosis) -> None:
    about = [("model", found.model), ("template", found.template)]
    if found.data is not None:
        about.append(("data", f"{found.data} ({found.format}), examined for {found.training}"))
    if found.counts and found.data is not None:
        about.append(("rows", _rows(found)))
    out.print("\n".join(printable(line) for line in columns(about)))
    if found.layers:
        out.print("\nBOS in front of a text, by how it becomes ids:")
        for line in columns([(f"  {one.bos}", one.name, _who(one)) for one in found.layers]):
            out.print(printable(line))
    for row in found.dumped:
        _dump(out, row)
    for note in found.notes:
        out.print()
        out.print(printable(f"note: {note}"))
    out.print()
    for finding in found.findings:
        _finding(out, finding)
    warnings = len(found.findings) - found.errors
    said = f"{count(found.errors, 'error')}, {count(warnings, 'warning')}" if found.findings else "nothing found"
    out.print(f"{said} in {duration(found.seconds)}")


def _who(one: Layer) -> str:
    return one.who if one.bos < 2 else f"{one.who}; that is once too often: turn add_special_tokens off there"


def _rows(found: Diagnosis) -> str:
    counts = found.counts
    left = "; ".join(f"{number:,} left out: {reason}" for reason, number in found.left_out.items())
    told = f"{counts['rows']:,} of {count(counts['rows_in'], 'row')}; {counts['tokens']:,} tokens"
    return f"{told}, {counts['trained']:,} trained" + (f"; {left}" if left else "")


def _finding(out: Console, found: Finding) -> None:
    from rich.text import Text

    severity = (found.severity, _COLOURS[found.severity])
    out.print(Text.assemble(severity, f" [{found.check}] ", (printable(found.message), "bold")))
    out.print(printable(f"  evidence  {found.evidence}"))
    out.print(printable(f"  remedy    {found.remedy}") + "\n")


def _dump(out: Console, row: Dumped) -> None:
    """Print a row token by token: trained ones in green, masked ones dim; without colours trained ones in [ ]."""
    from rich.text import Text

    coloured = out.is_terminal and not out.no_color
    key = "green: trained, dim: masked" if coloured else "[trained] and masked"
    made = Text("  ")
    out.print()
    out.print(printable(f"{row.id}: {row.trained:,} of {row.total:,} tokens trained ({key}; tokens parted by |)"))
    for place, token in enumerate(row.tokens):
        if row.skipped and place == row.skipped_at:
            made.append(f" ... {row.skipped:,} tokens ... ", style="italic")
        shown, broken = printable(token.text.replace("\n", _RETURN)), "\n" in token.text
        style = "green" if token.trained else "dim"
        told = shown if coloured or not token.trained else f"[{shown}]"
        made.append(told, style=f"{style} reverse" if token.special else style)
        made.append("|\n  " if broken else "|", style="dim")
    made.rstrip()
    out.print(made)
