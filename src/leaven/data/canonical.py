"""Raw rows -> canonical rows: take a slice, apply a format, count every row that does not come through.

Rows go by in batches, so that memory does not grow with their number. A step on canonical rows (a part of them, those
not asked elsewhere) takes batches and gives batches; ``rows_in = rows + drops`` holds for each of them.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.data import sources
from leaven.data.formats import BadRow, Skipped
from leaven.data.treatments.draw import Draw
from leaven.errors import DataError, did_you_mean
from leaven.registry import FORMATS, Plugin, Step
from leaven.rows import BATCH, Message, Row

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
    """Which rows of a source are taken, by index, before anything is dropped: a range, and of it a sample."""

    skip: int = 0
    take: int | None = None
    sample: int | None = None
    seed: int = 0

    def of(self, rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index in the source, row); asks for no row behind the last that is taken.

        A sample needs the whole range, in one pass; only as many rows as are taken are in memory.
        """
        taken = self.head(rows)
        return taken if self.sample is None else drawn(taken, self.sample, self.seed)

    def head(self, rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index, row) of the range, whatever is drawn of it: what the first rows look like."""
        stop = None if self.take is None else self.skip + self.take
        return itertools.islice(enumerate(rows), self.skip, stop)


def drawn(rows: Iterable[tuple[int, Any]], count: int, seed: int) -> Iterator[tuple[int, Any]]:
    """Yield a random ``count`` of numbered rows in their order (all, if there are fewer), in one pass.

    Taken are the rows whose hashes of (index, seed) are the lowest, so a smaller sample is a part of a larger one, and
    rows that are added behind the others displace some and move none. Memory holds ``count`` rows.
    """
    draw = Draw(seed, "sample")
    kept: list[tuple[float, int, Any]] = []  # a heap, the highest number first
    for index, row in rows:
        low = -draw.uniform(str(index))
        if len(kept) < count:
            heapq.heappush(kept, (low, -index, row))
        elif low > kept[0][0]:
            heapq.heapreplace(kept, (low, -index, row))
    yield from sorted(((-index, row) for _, index, row in kept), key=lambda one: one[0])


def makes(format: Step) -> str:
    """Return the kind of rows that a format makes: examples or preferences."""
    return str(FORMATS.get(format.name).traits["makes"])


def canonical(
    source: str, format: Step, part: Slice, bad_rows: str, known_as: str | None = None, *, split: bool = False
) -> Iterator[Batch]:
    """Read a source in a format; raises DataError if a row is bad and ``bad_rows`` is ``error``.

    With ``split`` rows that come in sentences have these too (see ``texts``), which no table of rows takes.
    """
    known_as = known_as or sources.identity(source)
    plugin, prefix = FORMATS.get(format.name), sources.short_name(known_as)
    read, batch, characters = _reader(plugin, format), Batch(), 0
    for index, raw in part.of(raw_rows(source, known_as, plugin)):
        batch.rows_in += 1
        row_id = f"{prefix}:{index}"
        try:
            made = {"id": row_id, "source": prefix, **read(raw)}
            if not split:
                made.pop(plugin.traits.get("split", ""), None)
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


def raw_rows(source: str, known_as: str | None, plugin: Plugin) -> Iterator[Row | BadRow]:
    """Yield the rows of a source as a format wants its files read: with its header, and .txt by line or paragraph."""
    traits = plugin.traits
    return sources.read(source, known_as, traits.get("header"), traits.get("txt", "lines"))


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
                kept.drops.append({"id": row["id"], "reason": why, "excerpt": excerpt(asking(row)[-1]["content"])})
        yield kept


def asking(row: Row) -> Sequence[Message]:
    """Return what a row asks: its prompt; a statement asks nothing, and stands for itself."""
    prompt: Sequence[Message] = row["prompt"] if "prompt" in row else [{"role": "user", "content": row["text"]}]
    return prompt


def head_problem(source: str, format: Step, part: Slice, bad_rows: str) -> str | None:
    """Say what is wrong with the first rows of a source, None if they can be used. Fast: reads at most 100 rows."""
    plugin = FORMATS.get(format.name)
    read = _reader(plugin, format)
    head = _head(source, plugin, part)
    if not head:
        return f"has no rows from row {part.skip} on" if part.skip else "has no rows"
    first = next((row for _, row in head if isinstance(row, dict)), None)
    if first is not None and not any(map(set(first).issuperset, layouts(plugin))):
        missing = min((set(one) - set(first) for one in layouts(plugin)), key=len)
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


def _head(source: str, plugin: Plugin, part: Slice) -> list[tuple[int, Any]]:
    return list(itertools.islice(part.head(raw_rows(source, None, plugin)), _HEAD))


def head_groups(source: str, format: Step, part: Slice) -> set[str]:
    """Return the groups that the first rows of a source belong to; rows that cannot be used have none."""
    plugin, found = FORMATS.get(format.name), set[str]()
    read = _reader(plugin, format)
    for _, raw in _head(source, plugin, part):
        try:
            found.add(str(read(raw).get("group")))
        except (Skipped, BadRow):
            continue
    return found


def fitting(row: Row) -> list[str]:
    """Return the formats whose columns a row has, the one that reads most of them first; kinds of text files last."""
    read = {name: [one for one in layouts(FORMATS.get(name)) if set(one) <= set(row)] for name in FORMATS.names()}
    return sorted(filter(read.get, read), key=lambda name: (-max(map(len, read[name])), is_of_files(name)))


def is_of_files(name: str) -> bool:
    """Say whether a format is of a kind of text files: it reads no other text, whatever the columns are."""
    return "txt" in FORMATS.get(name).traits


def layouts(plugin: Plugin) -> list[tuple[str, ...]]:
    """Return the sets of columns that a format reads, its own layout first."""
    return [plugin.traits["columns"], *plugin.traits.get("also", ())]


def _reader(plugin: Plugin, format: Step) -> Callable[[Row | BadRow], Row]:
    """Return the format as a function of a raw row; its arguments are validated once, not for every row."""
    declared = plugin.declare(format.args)
    apply = functools.partial(plugin.function, **{name: getattr(declared, name) for name in plugin.schema.model_fields})
    argument, column = plugin.traits.get("most", (None, None))
    most = argument and getattr(declared, argument)
    of_one = Counter[str]()

    def read(raw: Row | BadRow) -> Row:
        if isinstance(raw, BadRow):
            raise raw
        try:
            made: Row = apply(raw)
            if most is not None:
                one = str(raw[column])
                of_one[one] += 1
                if of_one[one] > most:
                    raise Skipped(f"more than {most} rows of one {column}")
        except KeyError as error:
            raise BadRow(f"has no column {error.args[0]}") from None
        return made

    return read


def _length(row: Row) -> int:
    columns = ("prompt", "completion", "chosen", "rejected")
    return sum(len(turn["content"]) for column in columns for turn in row.get(column) or ()) + len(row.get("text", ""))


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
