"""Raw rows -> canonical rows: take a slice, apply a format, count every row that does not come through.

Rows go by in batches, so that memory does not grow with their number. A step on canonical rows (a part of them, those
not asked elsewhere) takes batches and gives batches; ``rows_in = rows + drops`` holds for each of them.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from leaven.data import sources
from leaven.data.formats import BadRow, Skipped
from leaven.errors import DataError, did_you_mean
from leaven.registry import FORMATS, Plugin, Step
from leaven.rows import BATCH, Row

_HEAD = 100
_CHARACTERS = 16_000_000  # of text in one batch: rows may be long


@dataclass
class Batch:
    """Some canonical rows, and every row that was left out on the way to them, with the reason and an excerpt."""

    rows: list[Row] = field(default_factory=list)
    drops: list[Row] = field(default_factory=list)
    rows_in: int = 0

    def reasons(self) -> dict[str, int]:
        """Return how many rows each reason dropped; ``rows_in = len(rows) + sum of these``."""
        return dict(Counter(drop["reason"] for drop in self.drops))


Batches = Iterable[Batch]


@dataclass(frozen=True)
class Slice:
    """Which rows of a source are taken, by index, before anything is dropped."""

    skip: int = 0
    take: int | None = None

    def of(self, rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index in the source, row); asks for no row behind the last that is taken."""
        stop = None if self.take is None else self.skip + self.take
        return itertools.islice(enumerate(rows), self.skip, stop)


def makes(format: Step) -> str:
    """Return the kind of rows that a format makes: examples or preferences."""
    return str(FORMATS.get(format.name).traits["makes"])


def canonical(source: str, format: Step, part: Slice, bad_rows: str, known_as: str | None = None) -> Iterator[Batch]:
    """Read a source in a format; raises DataError if a row is bad and ``bad_rows`` is ``error``."""
    known_as = known_as or sources.identity(source)
    read, prefix = _reader(FORMATS.get(format.name), format), sources.short_name(known_as)
    batch, characters = Batch(), 0
    for index, raw in part.of(sources.read(source, known_as)):
        batch.rows_in += 1
        row_id = f"{prefix}:{index}"
        try:
            made = {"id": row_id, "source": prefix, **read(raw)}
            batch.rows.append(made)
            characters += _length(made)
        except (Skipped, BadRow) as reason:
            if isinstance(reason, BadRow) and bad_rows == "error":
                raise DataError(_bad(index, reason, raw)) from None
            batch.drops.append({"id": row_id, "reason": str(reason), "excerpt": excerpt(raw)})
        if batch.rows_in >= BATCH or characters >= _CHARACTERS:
            yield batch
            batch, characters = Batch(), 0
    yield batch


def some(batches: Batches) -> Iterator[Batch]:
    """Pass batches on; raises DataError at their end if none of them held a row."""
    kept, rows_in, reasons = 0, 0, Counter[str]()
    for batch in batches:
        kept, rows_in = kept + len(batch.rows), rows_in + batch.rows_in
        reasons.update(batch.reasons())
        yield batch
    if not kept:
        counts = ", ".join(f"{count} x {reason}" for reason, count in reasons.items())
        raise DataError(f"none of the {rows_in} rows can be used: {counts}" if rows_in else "there are no rows")


def sieve(batches: Batches, reason: Callable[[Row], str | None]) -> Iterator[Batch]:
    """Drop the rows for which there is a reason."""
    for batch in batches:
        kept = Batch([], list(batch.drops), batch.rows_in)
        for row in batch.rows:
            why = reason(row)
            if why is None:
                kept.rows.append(row)
            else:
                kept.drops.append({"id": row["id"], "reason": why, "excerpt": excerpt(row["prompt"][-1]["content"])})
        yield kept


def head_problem(source: str, format: Step, part: Slice, bad_rows: str) -> str | None:
    """Say what is wrong with the first rows of a source, None if they can be used. Fast: reads at most 100 rows."""
    plugin = FORMATS.get(format.name)
    read = _reader(plugin, format)
    head = list(itertools.islice(part.of(sources.read(source)), _HEAD))
    if not head:
        return f"has no rows from row {part.skip} on" if part.skip else "has no rows"
    first = next((row for _, row in head if isinstance(row, dict)), None)
    if first is not None and (missing := set(plugin.traits["columns"]) - set(first)):
        return _columns(format.name, missing, first)
    for index, raw in head:
        try:
            read(raw)
        except Skipped:
            continue
        except BadRow as reason:
            if bad_rows == "error":
                return _bad(index, reason, raw)
    return None


def fitting(row: Row) -> list[str]:
    """Return the formats whose columns a row has, the one that reads most of them first."""
    found = [name for name in FORMATS.names() if set(FORMATS.get(name).traits["columns"]) <= set(row)]
    return sorted(found, key=lambda name: -len(FORMATS.get(name).traits["columns"]))


def _reader(plugin: Plugin, format: Step) -> Callable[[Row | BadRow], Row]:
    """Return the format as a function of a raw row; its arguments are validated once, not for every row."""
    declared = plugin.declare(format.args)
    apply = functools.partial(plugin.function, **{name: getattr(declared, name) for name in plugin.schema.model_fields})

    def read(raw: Row | BadRow) -> Row:
        if isinstance(raw, BadRow):
            raise raw
        try:
            made: Row = apply(raw)
        except KeyError as error:
            raise BadRow(f"has no column {error.args[0]}") from None
        return made

    return read


def _length(row: Row) -> int:
    columns = ("prompt", "completion", "chosen", "rejected")
    return sum(len(turn["content"]) for column in columns for turn in row.get(column) or ())


def _columns(name: str, missing: set[str], row: Row) -> str:
    found = sorted(fitting(row))
    remedy = f"these columns fit the format {' or '.join(found)}" if found else "they fit no format"
    near = did_you_mean(sorted(missing)[0], map(str, row))
    hint = f"; {near}" if not found and near.startswith("did") else ""
    return (
        f"format {name} reads {', '.join(sorted(missing))}, the columns are {', '.join(map(str, row))}: {remedy}{hint}"
    )


def _bad(index: int, reason: Exception, raw: Any) -> str:
    return f"row {index}: {reason} [{excerpt(raw, 80)}]; mend the row, or set `bad_rows: drop` to leave out and count"


def excerpt(raw: Any, length: int = 200) -> str:
    """Return the start of a raw row, or of a text, as printable text."""
    if isinstance(raw, BadRow):
        raw = raw.raw or str(raw)
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
    printable = "".join(character if character.isprintable() else " " for character in text[: length + 1])
    return printable if len(printable) <= length else printable[: length - 3] + "..."
