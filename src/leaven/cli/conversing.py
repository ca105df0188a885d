"""Two arms that talk to each other, as it is heard, and what is told from their talk."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from leaven.cli.talking import lines
from leaven.cli.terminal import columns, complain, printable
from leaven.errors import LeavenError

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.conversation import Conversation
    from leaven.conversation.converse import Conversed, Line

_CALLED = {
    "turns": "turns", "words": "words", "ended": "ended", "others_turn": "other's turn", "repeats": "repeats",
    "loops": "loops", "blank": "blank", "refused": "refused", "distinct_2": "distinct-2",
}  # fmt: skip
_SILENT = "opening: (blank: whoever speaks first answers nothing; --opening TEXT says what is said first)"


def converse(
    names: Sequence[str], talks: Sequence[Conversation], turns: int, opening: str | None, out: Console
) -> None:
    """Let them talk, print each turn behind who speaks, and what is told from it; an interrupt ends the talk early."""
    from leaven.cli.spoken import Voice
    from leaven.conversation.converse import converse as turn_by_turn

    said = next(lines("opening> "), "") if opening is None else opening
    told: list[Line] = []
    voices = [Voice(out, f"{name}: ") for name in names]
    if opening is not None or not sys.stdin.isatty() or not said.strip():
        out.print(printable(f"opening: {said}" if said.strip() else _SILENT))
    try:
        for line in turn_by_turn(talks, said, turns, lambda who: voices[who].say):
            voices[line.who].end()
            told.append(line)
            for who, talk in enumerate(talks):
                for note in talk.notes():
                    print(f"note: {names[who]}: {note}", file=sys.stderr)  # noqa: T201
    except KeyboardInterrupt:
        out.print("\n(stopped)")
    except LeavenError as error:
        complain(error)
    if told:
        _summed_up(names, talks, told, said, out)


def _summed_up(
    names: Sequence[str], talks: Sequence[Conversation], told: Sequence[Line], opening: str, out: Console
) -> None:
    from leaven.conversation.converse import conversed, drift

    users = [user for talk in talks for user in talk.speaker.methods.users]
    rows = [["", *_CALLED.values()]]
    for who, name in enumerate(names):
        if any(line.who == who for line in told):
            rows.append([name, *_cells(conversed(told, opening, users, who))])
    rows.append(["both", *_cells(conversed(told, opening, users))])
    out.print()
    for line in columns(rows, range(1, len(rows[0]))):
        out.print(printable(line))
    far = drift(told, opening)
    share = (
        "" if far is None else f"{far:.0%} of the last third's content words were neither in the opening nor in the "
    )
    out.print(f"drift: {share}first third" if share else "drift: too little was said to tell")


def _cells(found: Conversed) -> list[str]:
    return [_cell(one.name, getattr(found, one.name)) for one in fields(found)]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in ("turns", "words"):
        return f"{value:.0f}" if name == "turns" else f"{value:.1f}"
    return f"{value:.2f}" if name == "distinct_2" else f"{value:.0%}"
