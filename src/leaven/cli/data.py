"""The command `data`: what a source is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.terminal import columns, console, count, printable

if TYPE_CHECKING:
    from leaven.data.canonical import Slice
    from leaven.data.portrait import Portrait, Tokens
    from leaven.rows import Row

_OF_THE_HUB = 1000  # rows that are streamed where nobody says how many
_WIDEST = 300


def data(  # noqa: PLR0913, PLR0917 - the options of a command
    source: Annotated[str, typer.Argument(help="A file, a folder, hub:owner/name, pocket:NAME or adopted:NAME.")],
    format: Annotated[str | None, typer.Option("--format", help="Read rows so, not as their columns suggest.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Count tokens as this model does.")] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="With --model: count the rows that are longer.")
    ] = None,
    overlap: Annotated[
        str | None, typer.Option("--overlap", metavar="SOURCE", help="Count questions that this source asks too.")
    ] = None,
    take: Annotated[int | None, typer.Option("--take", min=1, help="Look at the first so many rows only.")] = None,
    show: Annotated[int, typer.Option("--rows", min=0, help="Show so many rows.")] = 3,
    revision: Annotated[str | None, typer.Option("--revision", help="hub: which commit, branch or tag.")] = None,
    config: Annotated[str | None, typer.Option("--config", help="hub: which configuration.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="hub: which split (train).")] = None,
    workspace: Workspace = RUNS,
) -> None:
    """Show what a source is: format, counts, lengths, repeated questions, overlaps, rows that cannot be read."""
    from leaven.data import portrait as room

    source, known_as, part = _identified(source, take, workspace, (revision, config, split))
    other = room.questions(*_identified(overlap, None, workspace)) if overlap is not None else None
    found = room.portrait(source, known_as, format, part, show=show, tokens=_tokens(model), other=other)
    out = console()
    for line in _lines(source, known_as, part, found, max_length, overlap):
        out.print(line)


def _identified(
    source: str, take: int | None, workspace: Path, of_the_hub: tuple[str | None, str | None, str | None] = (None,) * 3
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
    return place, known_as, Slice(0, take or (_OF_THE_HUB if sources.is_hub(place) else None))


def _tokens(model: str | None) -> Tokens | None:
    if model is None:
        return None
    from leaven.data.portrait import counter
    from leaven.models import load, ref

    return counter(load.tokenizer(ref.resolve({"model_name_or_path": model})))


def _lines(
    source: str, known_as: str, part: Slice, found: Portrait, max_length: int | None, overlap: str | None
) -> Iterator[str]:
    """Yield all that is printed; what strangers wrote is made printable."""
    about = [("source", source), ("identity", known_as), ("format", _format(found))]
    about += [("columns", ", ".join(f"{name} ({type})" for name, type in found.columns.items()) or "none")]
    taken = f" of the first {part.take:,} read" if part.take else " read"
    about += [("rows", f"{count(found.rows_in, 'row')}{taken}, {found.rows:,} {found.kind or 'parsed'}")]
    about += list(_asked(found, overlap))
    yield from map(printable, columns(about))
    yield from _lengths(found, max_length)
    yield from _left_out(found)
    yield from _shown(found)


def _format(found: Portrait) -> str:
    others = [name for name in found.fits if name != found.format]
    also = f" (the columns also fit {', '.join(others)})" if others else ""
    return f"{found.format}{also}" if found.format else "none that there is reads these columns"


def _asked(found: Portrait, overlap: str | None) -> Iterator[tuple[str, str]]:
    if found.format is None:
        return
    yield "questions", f"{len(found.questions):,} different; {count(found.repeated, 'row')} repeat one"
    if found.kind == "preferences":
        ties = f"{count(found.ties, 'tie')}, {found.unknown:,} of unknown margin, {found.equal:,} with equal answers"
        yield "preferred", ties
    if found.shared is not None:
        yield "overlap", f"{count(found.shared, 'row')} with a question that {overlap} asks"


def _lengths(found: Portrait, max_length: int | None) -> Iterator[str]:
    """Yield a table of lengths: half, 95 % and all of the rows are at most so long."""
    if not found.lengths:
        return
    import numpy as np

    rows: list[tuple[str, ...]] = [("", "median", "95 %", "longest")]
    for name, values in found.lengths.items():
        rows.append((name, *(f"{int(value):,}" for value in np.percentile(values, (50, 95, 100)))))
    yield ""
    yield from map(printable, columns(rows, right=(1, 2, 3)))
    if max_length is not None and "tokens" in found.lengths:
        over = sum(length > max_length for length in found.lengths["tokens"])
        yield f"{count(over, 'row')} of {found.rows:,} longer than {max_length:,} tokens"


def _left_out(found: Portrait) -> Iterator[str]:
    if not found.drops:
        return
    yield ""
    yield f"left out: {count(sum(found.drops.values()), 'row')}"
    for reason, number in found.drops.most_common():
        yield printable(f"{number:>8,} x {reason}")
        for drop in found.quoted:
            if drop["reason"] == reason:
                yield printable(f"{'':11}{drop['id']}: {drop['excerpt']}")


def _shown(found: Portrait) -> Iterator[str]:
    """Yield a few rows, a turn a line."""
    for row in found.shown:
        yield ""
        yield from map(printable, _turns(row) if found.format else _cells(row))


def _turns(row: Row) -> Iterator[str]:
    yield str(row["id"])
    for name in ("prompt", "completion", "chosen", "rejected"):
        for turn in row.get(name) or ():
            role = turn["role"] if name == "prompt" else name
            yield f"  {role:>10}: {_short(turn['content'])}"


def _cells(row: Row) -> Sequence[str]:
    return [f"  {name}: {_short(str(value))}" for name, value in row.items()]


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
