"""What ``leaven diff`` shows in the terminal: pairs of answers side by side, what only one has marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaven.cli.terminal import console, count, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from leaven.diff import Differences, Pair

_TEXT, _PROMPT = 1_200, 300  # characters that are shown
_MARKS = (("[-", "-]", "bold red"), ("{+", "+}", "bold green"))


def show(found: Differences) -> None:
    """Print every pair, and of how many they are."""
    from rich.console import Console

    out, wide = console(), Console(emoji=False, highlight=False, markup=False)
    for place, pair in enumerate(found.pairs, start=1):
        out.print(printable(_head(found, pair, place)))
        out.print(printable(f"   {_clipped(pair.one.prompt, _PROMPT)}"))
        wide.print(_sides(pair, in_colour=wide.is_terminal and not wide.no_color))
    out.print(printable(_total(found)))


def _head(found: Differences, pair: Pair, place: int) -> str:
    about = found.metric
    one, two = (_score(side.scores.get(about.name), about.unit) for side in (pair.one, pair.two))
    seed = next((side.seed for side in (pair.two, pair.one) if side.seed is not None), None)
    where = [pair.one.suite, pair.one.item_id, *([] if seed is None else [f"seed {seed}"])]
    return f"{place}. {', '.join(where)}: {about.name} {one} to {two}"


def _score(value: float | None, unit: str) -> str:
    from leaven.report import numbers

    return "unscored" if value is None else numbers.value(value, unit)


def _sides(pair: Pair, *, in_colour: bool) -> Table:
    from rich import box
    from rich.table import Table

    from leaven.diff import words

    texts = [_clipped(side.text, _TEXT) for side in (pair.one, pair.two)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    for side in (pair.one, pair.two):
        table.add_column(printable(side.arm), ratio=1)
    table.add_row(
        *(_marked(runs, marks, in_colour=in_colour) for runs, marks in zip(words(*texts), _MARKS, strict=True))
    )
    return table


def _marked(runs: Sequence[tuple[bool, str]], marks: tuple[str, str, str], *, in_colour: bool) -> Text:
    """Return one side: what only it has in colour, or between marks where there are no colours."""
    from rich.text import Text

    opening, closing, style = marks
    made = Text()
    for is_only_here, words in runs:
        said = printable(words)
        if in_colour or not is_only_here or not said.strip():
            made.append(said, style if is_only_here and in_colour else "")
        else:
            made.append(f"{opening}{said}{closing}")
    return made


def _clipped(text: str, limit: int) -> str:
    from leaven.report.text import clip

    return clip(text.strip(), limit)


def _total(found: Differences) -> str:
    shown = f"{len(found.pairs):,} shown of {count(found.n_pairs, 'pair')} of answers to {count(found.n_items, 'item')}"
    said = f"{shown}; {found.metric.name} is the same in {found.alike:,}"
    return f"{said}, unscored in {found.unscored:,}" if found.unscored else said
