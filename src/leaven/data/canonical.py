"""Raw rows -> canonical rows: take a slice, apply a format, count every row that does not come through."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from leaven.data.formats import BadRow, Skipped
from leaven.data.sources import identity, read, short_name
from leaven.errors import DataError, did_you_mean
from leaven.registry import FORMATS, Plugin, Step
from leaven.rows import Row

_HEAD = 100


@dataclass
class Canonical:
    """Canonical rows of one kind, and every row that was left out with the reason."""

    kind: str  # "examples" | "preferences"
    rows: list[Row] = field(default_factory=list)
    drops: list[Row] = field(default_factory=list)
    rows_in: int = 0

    def reasons(self) -> dict[str, int]:
        """Return how many rows each reason dropped; ``rows_in = len(rows) + sum of these``."""
        return dict(Counter(drop["reason"] for drop in self.drops))


@dataclass(frozen=True)
class Slice:
    """Which rows of a source are taken, by index, before anything is dropped."""

    skip: int = 0
    take: int | None = None

    def of(self, rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Yield (index in the source, row)."""
        stop = None if self.take is None else self.skip + self.take
        return itertools.islice(enumerate(rows), self.skip, stop)


def canonical(source: str, format: Step, part: Slice, bad_rows: str, known_as: str | None = None) -> Canonical:
    """Read a source in a format; raises DataError if a row is bad and ``bad_rows`` is ``error``, or none is left."""
    plugin = FORMATS.get(format.name)
    made = Canonical(plugin.traits["makes"])
    prefix = short_name(known_as or identity(source))
    for index, raw in part.of(read(source)):
        made.rows_in += 1
        row_id = f"{prefix}:{index}"
        try:
            made.rows.append({"id": row_id, "source": prefix, **_one(plugin, format, raw)})
        except Skipped as reason:
            made.drops.append({"id": row_id, "reason": str(reason), "excerpt": _excerpt(raw)})
        except BadRow as reason:
            if bad_rows == "error":
                raise DataError(_bad(index, reason, raw)) from None
            made.drops.append({"id": row_id, "reason": str(reason), "excerpt": _excerpt(raw)})
    if not made.rows:
        raise DataError(_nothing(made))
    return made


def head_problem(source: str, format: Step, part: Slice, bad_rows: str) -> str | None:
    """Say what is wrong with the first rows of a source, None if they can be used. Fast: reads at most 100 rows."""
    plugin = FORMATS.get(format.name)
    head = list(itertools.islice(part.of(read(source)), _HEAD))
    if not head:
        return f"has no rows from row {part.skip} on" if part.skip else "has no rows"
    first = next((row for _, row in head if isinstance(row, dict)), None)
    if first is not None and (missing := set(plugin.traits["columns"]) - set(first)):
        return _columns(format.name, missing, first)
    for index, raw in head:
        try:
            _one(plugin, format, raw)
        except Skipped:
            continue
        except BadRow as reason:
            if bad_rows == "error":
                return _bad(index, reason, raw)
    return None


def _one(plugin: Plugin, format: Step, raw: Row | BadRow) -> Row:
    if isinstance(raw, BadRow):
        raise raw
    try:
        made: Row = plugin.call(raw, args=format.args)
    except KeyError as error:
        raise BadRow(f"has no column {error.args[0]}") from None
    return made


def _columns(name: str, missing: set[str], row: Row) -> str:
    fitting = [other for other in FORMATS.names() if set(FORMATS.get(other).traits["columns"]) <= set(row)]
    remedy = f"these columns fit the format {' or '.join(fitting)}" if fitting else "they fit no format"
    near = did_you_mean(sorted(missing)[0], map(str, row))
    hint = f"; {near}" if not fitting and near.startswith("did") else ""
    return (
        f"format {name} reads {', '.join(sorted(missing))}, the columns are {', '.join(map(str, row))}: {remedy}{hint}"
    )


def _bad(index: int, reason: Exception, raw: Any) -> str:
    shown = "" if isinstance(raw, BadRow) else f" [{_excerpt(raw, 80)}]"
    return f"row {index}: {reason}{shown}; mend the row, or set `bad_rows: drop` to leave out and count"


def _nothing(made: Canonical) -> str:
    if not made.rows_in:
        return "there are no rows"
    counts = ", ".join(f"{count} x {reason}" for reason, count in made.reasons().items())
    return f"none of the {made.rows_in} rows can be used: {counts}"


def _excerpt(raw: Any, length: int = 200) -> str:
    """Return the start of a raw row as printable text."""
    text = str(raw) if isinstance(raw, BadRow) else json.dumps(raw, ensure_ascii=False, default=str)
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable if len(printable) <= length else printable[: length - 3] + "..."


def held_out(made: Canonical, others: dict[str, list[list[dict[str, str]]]]) -> Canonical:
    """Drop rows whose prompt's last turn occurs in other data; ``others`` maps a data name to its prompts."""
    seen = {name: {_spoken(prompt) for prompt in prompts} for name, prompts in others.items()}
    kept = Canonical(made.kind, [], list(made.drops), made.rows_in)
    for row in made.rows:
        where = next((name for name, spoken in seen.items() if _spoken(row["prompt"]) in spoken), None)
        if where is None:
            kept.rows.append(row)
        else:
            drop = {"id": row["id"], "reason": f"prompt occurs in {where}", "excerpt": _excerpt(row["prompt"])}
            kept.drops.append(drop)
    if not kept.rows:
        raise DataError(_nothing(kept))
    return kept


def _spoken(prompt: list[dict[str, str]]) -> str:
    """Return the last turn of a prompt, without case and spacing: what counts as the same question."""
    return " ".join(prompt[-1]["content"].casefold().split())
