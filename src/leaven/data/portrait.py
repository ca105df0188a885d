"""What a source is: its format, counts, lengths, what repeats, ties, overlaps, and what of it cannot be used."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaven.data import overlap, sources
from leaven.data.canonical import Slice, asking, canonical, excerpt, makes
from leaven.data.chat import ids, render
from leaven.data.formats import BadRow
from leaven.data.overlap import Evaluated
from leaven.data.questions import Asked, asked, known_by
from leaven.data.recognised import recognised
from leaven.errors import DataError
from leaven.registry import Step
from leaven.rows import Message, Row

_QUOTED = 3  # rows that are quoted for each reason
_SPOKEN = ("prompt", "completion", "chosen", "rejected")
Tokens = Callable[[list[Row], str], list[int]]


@dataclass
class Other:
    """Another source, to be looked for: what it asks, and its n-grams of words."""

    questions: Asked
    grams: Evaluated


@dataclass
class Shared:
    """Rows that share something with another source: a question, or words in a row; the first of these are quoted."""

    questions: int = 0
    grams: int = 0
    quoted: list[Row] = field(default_factory=list)


@dataclass
class Portrait:
    """What was seen of a source. ``fits``: formats that its columns fit; without ``format`` raw rows were looked at.

    ``args`` are the format's arguments as they were declared, without defaults.

    ``lengths`` holds a number per row, by what is measured (``prompt characters``, ``tokens``); ``quoted`` holds the
    first rows that each reason dropped; ``shared`` says by another source's name what rows have in common with it.
    """

    format: str | None
    fits: list[str]
    columns: dict[str, str]
    args: dict[str, Any] = field(default_factory=dict)
    kind: str | None = None
    rows_in: int = 0
    rows: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    quoted: list[Row] = field(default_factory=list)
    lengths: dict[str, list[int]] = field(default_factory=dict)
    questions: Counter[bytes] = field(default_factory=Counter)
    answers: Counter[bytes] = field(default_factory=Counter)
    whole: set[bytes] = field(default_factory=set)
    ties: int = 0
    unknown: int = 0
    equal: int = 0
    shared: dict[str, Shared] = field(default_factory=dict)
    shown: list[Row] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """Rows whose question was asked in an earlier row."""
        return self.rows - len(self.questions)

    @property
    def repeated_answers(self) -> int:
        """Rows whose completion, or chosen answer, was given in an earlier row."""
        return sum(self.answers.values()) - len(self.answers)

    @property
    def duplicates(self) -> int:
        """Rows that are an earlier row, word for word."""
        return self.rows - len(self.whole)


def portrait(
    source: str,
    known_as: str,
    format: Step | None,
    part: Slice,
    *,
    show: int = 3,
    tokens: Tokens | None = None,
    others: Mapping[str, Other] | None = None,
) -> Portrait:
    """Look at every row of a source that ``part`` takes, once; ``tokens`` counts a batch's tokens."""
    found = recognised(source, known_as, format, part)
    step = format or (Step(name=found.format) if found.format else None)
    made = Portrait(found.format, found.fits, found.columns)
    if step is None:
        _raw(made, part.of(sources.read(source, known_as)), show)
        return made
    made.args, made.kind = step.args, makes(step)
    known = others or {}
    made.shared = {name: Shared() for name in known}
    for batch in canonical(source, step, part, "drop", known_as):
        _dropped(made, batch.drops)
        made.rows_in += batch.rows_in
        made.shown += batch.rows[: show - len(made.shown)]
        for row in batch.rows:
            _look(made, row)
        _compare(made, batch.rows, known)
        if tokens is not None and batch.rows:
            assert made.kind is not None
            made.lengths.setdefault("tokens", []).extend(tokens(batch.rows, made.kind))
    return made


def other(source: str, known_as: str, part: Slice, size: int = overlap.SIZE) -> Other:
    """Return what a source says, in the format that its columns fit; raises DataError if they fit none."""
    found = recognised(source, known_as, None, part)
    if found.format is None:
        raise DataError(f"{source}: its columns ({', '.join(found.columns)}) fit no format, so no question can be told")
    known = Other(Asked(), Evaluated(size))
    for batch in canonical(source, Step(name=found.format), part, "drop", known_as):
        known.questions.add(map(asking, batch.rows))
        known.grams.add(batch.rows)
    return known


def counter(tokenizer: Any) -> Tokens:
    """Return what counts tokens as training does: a row's prompt with its longest answer.

    A tokenizer without a chat template counts the turns' texts alone.
    """

    def count(rows: list[Row], kind: str) -> list[int]:
        names = ["chosen", "rejected"] if kind == "preferences" else ["completion"]
        each = [ids(tokenizer, [_rendered(tokenizer, row, name) for row in rows]) for name in names]
        return [max(map(len, several)) for several in zip(*each, strict=True)]

    return count


def rendered(tokenizer: Any, row: Row) -> dict[str, str]:
    """Return a row as the model reads it, by answer; a prompt alone goes by the name ``prompt``."""
    names = [name for name in ("completion", "chosen", "rejected") if row.get(name)]
    return {name: _rendered(tokenizer, row, name) for name in names or ["prompt"]}


def _rendered(tokenizer: Any, row: Row, name: str) -> str:
    turns: list[Message] = [*asking(row), *(row.get(name) or [] if name != "prompt" else [])]
    if getattr(tokenizer, "chat_template", None):
        return render(tokenizer, turns)
    return "\n".join(turn["content"] for turn in turns)


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


def _look(made: Portrait, row: Row) -> None:
    made.rows += 1
    made.questions[known_by(asked(asking(row)))] += 1
    if answer := row.get("completion") or row.get("chosen"):
        made.answers[known_by("\n".join(turn["content"] for turn in answer))] += 1
    made.whole.add(_digest(row))
    for name in _SPOKEN:
        if row.get(name):
            _measure(made, name, " ".join(turn["content"] for turn in row[name]))
    if "text" in row:
        _measure(made, "text", row["text"])
    if made.kind == "preferences":
        made.ties += row["margin"] == 0
        made.unknown += row["margin"] is None
        made.equal += row["chosen"] == row["rejected"]


def _measure(made: Portrait, name: str, text: str) -> None:
    made.lengths.setdefault(f"{name} characters", []).append(len(text))
    made.lengths.setdefault(f"{name} words", []).append(len(text.split()))


def _digest(row: Row) -> bytes:
    told = json.dumps({name: row.get(name) for name in (*_SPOKEN, "text")}, sort_keys=True)
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _compare(made: Portrait, rows: list[Row], others: Mapping[str, Other]) -> None:
    for name, known in others.items():
        made.shared[name].questions += sum(known.questions.has(asking(row)) for row in rows)
    for name, found in overlap.shared(rows, {name: known.grams for name, known in others.items()}):
        seen = made.shared[name]
        seen.grams += len(found)
        for at in sorted(found)[: _QUOTED - len(seen.quoted)]:
            seen.quoted.append({"id": rows[at]["id"], "excerpt": found[at]})
