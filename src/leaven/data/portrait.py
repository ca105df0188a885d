"""What a source is: its format, counts, lengths, repeated questions, ties, and what of it cannot be used."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.data import sources
from leaven.data.canonical import Slice, canonical, excerpt, fitting, makes
from leaven.data.chat import ids, render
from leaven.data.formats import BadRow, Skipped
from leaven.data.questions import Asked, asked, known_by
from leaven.errors import DataError, did_you_mean
from leaven.registry import FORMATS, Step
from leaven.rows import Message, Row

_HEAD = 50
_QUOTED = 3  # rows that are quoted for each reason
_SPOKEN = ("prompt", "completion", "chosen", "rejected")
Tokens = Callable[[list[Row], str], list[int]]


@dataclass
class Portrait:
    """What was seen of a source. ``fits``: formats that its columns fit; without ``format`` raw rows were looked at.

    ``lengths`` holds a number per row, by what is measured (``prompt characters``, ``tokens``); ``quoted`` holds the
    first rows that each reason dropped; ``shared`` counts the rows whose question is asked in the other source.
    """

    format: str | None
    fits: list[str]
    columns: dict[str, str]
    kind: str | None = None
    rows_in: int = 0
    rows: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    quoted: list[Row] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=dict)
    questions: Counter[bytes] = field(default_factory=Counter)
    ties: int = 0
    unknown: int = 0
    equal: int = 0
    shared: int | None = None
    shown: list[Row] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Rows whose question was asked in an earlier row."""
        return self.rows - len(self.questions)


def portrait(
    source: str,
    known_as: str,
    format: str | None,
    part: Slice,
    *,
    show: int = 3,
    tokens: Tokens | None = None,
    other: Asked | None = None,
) -> Portrait:
    """Look at every row of a source that ``part`` takes, once; ``tokens`` counts a batch's tokens."""
    made = _begun(source, known_as, format, part)
    if made.format is None:
        _raw(made, part.of(sources.read(source, known_as)), show)
        return made
    made.shared = None if other is None else 0
    for batch in canonical(source, Step(name=made.format), part, "drop", known_as):
        _dropped(made, batch.drops)
        made.rows_in += batch.rows_in
        made.shown += batch.rows[: show - len(made.shown)]
        for row in batch.rows:
            _look(made, row, other)
        if tokens is not None and batch.rows:
            assert made.kind is not None
            made.lengths.setdefault("tokens", []).extend(tokens(batch.rows, made.kind))
    return made


def questions(source: str, known_as: str, part: Slice) -> Asked:
    """Return the questions of a source, in the format that its columns fit; raises DataError if they fit none."""
    found = _begun(source, known_as, None, part)
    if found.format is None:
        raise DataError(f"{source}: its columns ({', '.join(found.columns)}) fit no format, so no question can be told")
    known = Asked()
    for batch in canonical(source, Step(name=found.format), part, "drop", known_as):
        known.add(row["prompt"] for row in batch.rows)
    return known


def counter(tokenizer: Any) -> Tokens:
    """Return what counts tokens as training does: a row's prompt with its longest answer.

    A tokenizer without a chat template counts the turns' texts alone.
    """

    def shown(turns: list[Message]) -> str:
        if getattr(tokenizer, "chat_template", None):
            return render(tokenizer, turns)
        return "\n".join(turn["content"] for turn in turns)

    def count(rows: list[Row], kind: str) -> list[int]:
        answers = ["completion"] if kind == "examples" else ["chosen", "rejected"]
        each = [ids(tokenizer, [shown([*row["prompt"], *(row[name] or [])]) for row in rows]) for name in answers]
        return [max(map(len, several)) for several in zip(*each, strict=True)]

    return count


def _begun(source: str, known_as: str, format: str | None, part: Slice) -> Portrait:
    """Look at the first rows: which columns there are, and which format reads them."""
    head = [row for _, row in itertools.islice(part.of(sources.read(source, known_as)), _HEAD) if isinstance(row, dict)]
    columns = {str(name): _type(value) for row in reversed(head) for name, value in row.items()}
    fits = fitting(head[0]) if head else []
    if format is not None and format not in FORMATS.names():
        raise DataError(f"there is no format '{format}'; {did_you_mean(format, FORMATS.names())}")
    chosen = format or next((name for name in fits if _reads(name, head)), None)
    return Portrait(chosen, fits, columns, makes(Step(name=chosen)) if chosen else None)


def _reads(name: str, head: Sequence[Row]) -> bool:
    """Say whether a format reads any of the first rows (what it skips by choice, it has read)."""
    plugin = FORMATS.get(name)
    for row in head:
        try:
            plugin.call(row, args={})
        except Skipped:
            return True
        except (BadRow, KeyError):
            continue
        return True
    return False


def _type(value: Any) -> str:
    names = {str: "text", dict: "object", list: "list", type(None): "null", bool: "truth", int: "number"}
    return names.get(type(value), "number" if isinstance(value, float) else type(value).__name__)


def _raw(made: Portrait, rows: Iterable[tuple[int, Row | BadRow]], show: int) -> None:
    for index, row in rows:
        made.rows_in += 1
        if isinstance(row, BadRow):
            _dropped(made, [{"id": f"row {index}", "reason": str(row), "excerpt": excerpt(row)}])
            continue
        made.rows += 1
        if len(made.shown) < show:
            made.shown.append(row)
        for name, value in row.items():
            if isinstance(value, str):
                made.lengths.setdefault(f"{name} characters", []).append(len(value))


def _dropped(made: Portrait, drops: Sequence[Row]) -> None:
    for drop in drops:
        made.drops[drop["reason"]] += 1
        if made.drops[drop["reason"]] <= _QUOTED:
            made.quoted.append(drop)


def _look(made: Portrait, row: Row, other: Asked | None) -> None:
    made.rows += 1
    made.questions[known_by(asked(row["prompt"]))] += 1
    for name in _SPOKEN:
        if row.get(name):
            text = " ".join(turn["content"] for turn in row[name])
            made.lengths.setdefault(f"{name} characters", []).append(len(text))
            made.lengths.setdefault(f"{name} words", []).append(len(text.split()))
    if made.kind == "preferences":
        made.ties += row["margin"] == 0
        made.unknown += row["margin"] is None
        made.equal += row["chosen"] == row["rejected"]
    if other is not None and made.shared is not None:
        made.shared += other.has(row["prompt"])
