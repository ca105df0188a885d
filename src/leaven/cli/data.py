"""The command `data`: what a source is, or which data a study has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import columns, console, printable

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.data.canonical import Slice
    from leaven.data.portrait import Other
    from leaven.registry import Step

_OF_THE_HUB = 1000  # rows that are streamed where nobody says how many
_STUDIES = (".yaml", ".yml")


def data(  # noqa: PLR0913, PLR0917 - the options of a command
    source: Annotated[
        str, typer.Argument(help="A file, a folder, hub:owner/name, pocket:NAME, adopted:NAME, or a study's file.")
    ],
    format: Annotated[
        str | None,
        typer.Option("--format", help="Read rows so, not as columns suggest: a name, or '{hh: {turns: last}}'."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Count tokens as this model does, and show rows as it reads them.")
    ] = None,
    chat_template_path: Annotated[
        str | None,
        typer.Option("--chat-template-path", help="With --model: its chat template (a jinja file, or plain)."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="With --model: what of the rows is cut off there.")
    ] = None,
    overlap: Annotated[
        list[str] | None,
        typer.Option("--overlap", metavar="SOURCE", help="Count rows that share a question or words with it; repeat."),
    ] = None,
    ngram: Annotated[int, typer.Option("--ngram", min=3, help="Words in a row that are an overlap.")] = 13,
    take: Annotated[int | None, typer.Option("--take", min=1, help="Look at the first so many rows only.")] = None,
    sample: Annotated[int | None, typer.Option("--sample", min=1, help="Look at so many random rows only.")] = None,
    show: Annotated[int, typer.Option("--rows", min=0, help="Show so many rows.")] = 3,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the lengths into this file (svg, png).")] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="hub: which commit, branch or tag.")] = None,
    config: Annotated[str | None, typer.Option("--config", help="hub: which configuration.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="hub: which split (train).")] = None,
    workspace: Workspace = RUNS,
) -> None:
    """Show what a source is: format, counts, lengths, what repeats, overlaps, rows that cannot be read."""
    if source.endswith(_STUDIES):
        _of_study(source, workspace, console())
        return
    from leaven.cli import portrayed
    from leaven.data import lengths, portrait

    _refuse(max_length, model, plot, chat_template_path)
    step = None if format is None else _step(format)
    place, known_as, part = _identified(source, take, sample, workspace, (revision, config, split))
    others = _others(overlap or (), workspace, ngram)
    tokenizer = _tokenizer(model, chat_template_path)
    tokens = None if tokenizer is None else portrait.counter(tokenizer)
    found = portrait.portrait(place, known_as, step, part, show=show, tokens=tokens, others=others)
    out = console()
    asked = {"max_length": max_length, "ngram": ngram, "tokenizer": tokenizer, "template": chat_template_path}
    for line in portrayed.lines(place, known_as, part, found, **asked):
        out.print(line)
    if plot is not None:
        lengths.plot(plot, found.lengths, printable(source), max_length)
        out.print(f"\ndrawn: {plot}")


def _refuse(max_length: int | None, model: str | None, plot: Path | None, template: str | None) -> None:
    """Raise DataError for options that would be asked in vain, before anything is read."""
    from leaven.data import lengths
    from leaven.errors import DataError

    if max_length is not None and model is None:
        raise DataError("--max-length counts tokens, so say whose: add --model")
    if template is not None and model is None:
        raise DataError("--chat-template-path is the template of a model, so say which: add --model")
    if plot is not None and (said := lengths.problem(plot)):
        raise DataError(said)


def _step(text: str) -> Step:
    """Return the format that ``--format`` declares, its arguments checked; raises DataError with all that is wrong."""
    from pydantic import ValidationError

    from leaven.errors import DataError
    from leaven.registry import FORMATS, Step
    from leaven.study.load import Places
    from leaven.study.problems import Check

    try:
        step = Step.model_validate(_yaml(text) if set(text) & set("{}:") else text)
    except ValidationError:
        raise DataError(f"--format {text}: write `name` or `{{name: {{argument: value}}}}`") from None
    check = Check(Places())
    check.plugin(FORMATS, step, ("--format",))
    if check.found:
        raise DataError("; ".join(map(str, check.found)))
    return step


def _yaml(text: str) -> Any:
    from ruamel.yaml import YAML

    from leaven.errors import DataError

    try:
        return YAML(typ="safe", pure=True).load(text)  # as a study's file is read: no tag makes an object
    except Exception as error:  # the parser raises many kinds, all of which mean: no YAML
        said = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise DataError(f"--format {text}: is no valid YAML: {str(said).splitlines()[0]}") from error


def _identified(
    source: str,
    take: int | None,
    sample: int | None,
    workspace: Path,
    of_the_hub: tuple[str | None, str | None, str | None] = (None,) * 3,
) -> tuple[str, str, Slice]:
    """Return a source's place, its identity, and how much of it is looked at; raises DataError if there is none."""
    from leaven import adopted
    from leaven.data import sources
    from leaven.data.canonical import Slice
    from leaven.errors import DataError

    raw, wrong = adopted.resolve({"data": source}, workspace)
    said = wrong[0][1] if wrong else sources.problem(raw["data"])
    if said:
        raise DataError(said)
    place = str(raw["data"])
    try:
        known_as = sources.identity(place, *of_the_hub)
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror or error}") from error
    few = _OF_THE_HUB if sources.is_hub(place) and sample is None else None
    return place, known_as, Slice(0, take or few, sample)


def _others(overlap: Sequence[str], workspace: Path, ngram: int) -> dict[str, Other]:
    from leaven.data import portrait
    from leaven.data.canonical import Slice

    made = {}
    for name in overlap:
        place, known_as, _ = _identified(name, None, None, workspace)
        made[name] = portrait.other(place, known_as, Slice(), ngram)  # all of it: a part would miss what is asked there
    return made


def _tokenizer(model: str | None, chat_template_path: str | None) -> Any:
    if model is None:
        return None
    from leaven.models import load, ref

    return load.tokenizer(ref.resolve({"model_name_or_path": model, "chat_template_path": chat_template_path}))


def _of_study(file: str, workspace: Path, out: Console) -> None:
    """List the data of a study, with what to type to see one of them."""
    from leaven import verbs
    from leaven.cli.portrayed import written

    study = verbs.load(file, workspace=workspace)
    rows: list[tuple[str, ...]] = [("name", "source", "format")]
    for name, one in study.data.items():
        rows.append((name, one.origin, written(one.format) if one.format else ""))
    for line in columns(rows):
        out.print(printable(line))
    out.print("\nnext: leaven data SOURCE --format FORMAT")
