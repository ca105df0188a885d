"""Lines in, answers out: of one arm, or of two side by side; and the commands among the lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from leaven.cli.terminal import complain, printable
from leaven.errors import LeavenError, ModelError

if TYPE_CHECKING:
    from rich.console import Console

    from leaven.cli.spoken import Hearing
    from leaven.conversation import Conversation

HELP = (
    "/why shows what decided about the last answer, /tokens TOKEN ... puts control tokens in front (/tokens none: "
    "none), /reset forgets, /quit ends; a text that begins with / is written with //"
)


def talk(names: Sequence[str], talks: Sequence[Conversation], out: Console) -> None:
    """Ask each line of all of them, until the lines end or say so."""
    for line in lines("> "):
        if not _heard(names, talks, line, out):
            break


def lines(mark: str) -> Iterator[str]:
    """Yield what a person types, or the lines of a pipe; what is no text in it is replaced."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if not sys.stdin.isatty():
        yield from (line.rstrip("\r\n") for line in sys.stdin)
        return
    while True:
        yield input(mark)


def _heard(names: Sequence[str], talks: Sequence[Conversation], line: str, out: Console) -> bool:
    """Do what a line says; say whether to go on. What cannot be done is said, and ends nothing."""
    from leaven.cli.why import show

    word, *rest = line.split() or [""]
    if word == "/quit":
        return False
    if word == "/reset":
        for one in talks:
            one.reset()
    elif word == "/tokens":
        _tokens(names, talks, rest, out)
    elif word == "/why":
        for name, one in zip(names, talks, strict=True):
            show(_before(names, name), one, out)
    elif line.startswith("/") and not line.startswith("//"):
        out.print(printable(f"there is no command '{word}'; {HELP}"))
    else:
        _asked(names, talks, line.removeprefix("/"), out)
    return True


def _before(names: Sequence[str], name: str) -> str:
    """Return what stands before a line of one of several; nothing where there is one."""
    return f"{name}: " if len(names) > 1 else ""


def _tokens(names: Sequence[str], talks: Sequence[Conversation], tokens: list[str], out: Console) -> None:
    for name, one in zip(names, talks, strict=True):
        try:
            if tokens:
                one.put_in_front([] if tokens == ["none"] else tokens)
            known = f"it knows {' '.join(known)}" if (known := one.speaker.tokens) else "it knows no control tokens"
            out.print(printable(f"{_before(names, name)}in front: {' '.join(one.tokens) or 'nothing'}; {known}"))
        except LeavenError as error:
            complain(error)


def _asked(names: Sequence[str], talks: Sequence[Conversation], line: str, out: Console) -> None:
    """Print the answer of each; a blank line is asked of those alone that go on from a text."""
    from leaven.cli.spoken import Voice, beside

    asked = [(name, one) for name, one in zip(names, talks, strict=True) if line.strip() or one.raw]
    if not asked:
        return
    try:
        if len(names) == 1:
            _told(asked, [Voice(out)], line)
        elif out.is_terminal and len(asked) > 1:
            with beside([name for name, _ in asked], out) as columns:
                _told(asked, columns, line)
        else:
            for name, one in asked:
                _told([(name, one)], [Voice(out, f"{name}: ")], line, f"{name}: ")
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        out.print("\n(stopped; this line and its answer are forgotten)")


def _told(asked: Sequence[tuple[str, Conversation]], voices: Sequence[Hearing], line: str, label: str = "") -> None:
    for (name, one), voice in zip(asked, voices, strict=True):
        try:
            one.answer(line, voice.say)
            voice.end()
        except LeavenError as error:
            voice.fail()
            complain(ModelError(f"{name}: {error}") if label or len(asked) > 1 else error)
        for dropped in one.notes():
            print(f"note: {label}{dropped}", file=sys.stderr)  # noqa: T201
