"""What decided about the last answer of a talk, for a person: what the model read, what guards said, what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven.cli.terminal import count, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

    from leaven.conversation import Conversation
    from leaven.conversation.methods import Verdict
    from leaven.conversation.talk import Turn

_RETURN = "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"
_LONGEST = 4000  # tokens that are shown: of more those in the middle are left out


def show(label: str, talk: Conversation, out: Console) -> None:
    """Print it; ``label`` stands before each line of one of several talks, but for the tokens."""
    turn = talk.last
    if turn is None:
        out.print(printable(f"{label}nothing was answered yet"))
        return
    if turn.ids is None:
        out.print(printable(f"{label}the model was not asked: a guard blocks the prompt"))
    else:
        dropped = f", {count(turn.dropped, 'earlier turn')} left out" if turn.dropped else ""
        behind = f", by {', '.join(turn.behind)}" if turn.behind else ""
        read = f"{label}it read {count(len(turn.ids), 'token')}{behind}{dropped} (tokens parted by |):"
        out.print(printable(read))
        out.print(_tokens(talk, turn.ids, coloured=out.is_terminal and not out.no_color))
    for line in _lines(turn):
        out.print(printable(f"{label}{line}"))


def _lines(turn: Turn) -> Iterator[str]:
    for rank, one in enumerate(turn.passages, 1):
        yield f"found {rank}: {one.text} (row {one.row}, score {one.score:.3g})"
    if "rag" in turn.behind and not turn.passages:
        yield "found nothing: the question was asked bare"
    for verdict in turn.verdicts:
        yield f"guard {verdict.guard} on the {verdict.on}: {_said(verdict)}"
    if turn.told is not None:
        ended = "ended by itself" if turn.finish_reason == "stop" else "was cut off there"
        yield f"it told {count(turn.tokens, 'token')} and {ended}"
    if turn.refused and turn.told is not None:
        yield f"its answer was blocked; it was: {turn.told}"


def _said(one: Verdict) -> str:
    where = f"blocks {one.side} {one.threshold:.3g}"
    if one.score is None:
        return f"no score, so it passes ({where})"
    return f"{one.score:.3g}, {where}: {'blocked' if one.blocked else 'passes'}"


def _tokens(talk: Conversation, ids: list[int], *, coloured: bool) -> Text:
    """Return what was read token by token; special tokens are reversed, or in [ ] where there are no colours."""
    from rich.text import Text

    from leaven.data.chat import Encoded
    from leaven.data.doctor.dump import dumped

    (row,) = dumped(talk.speaker.tokenizer, [Encoded("last", ids, ids)], _LONGEST)
    made = Text("  ")
    for place, token in enumerate(row.tokens):
        if row.skipped and place == row.skipped_at:
            made.append(f" ... {row.skipped:,} tokens ... ", style="italic")
        shown, broken = printable(token.text.replace("\n", _RETURN)), "\n" in token.text
        marked = f"[{shown}]" if token.special and not coloured else shown
        made.append(marked, style="bold reverse" if token.special else "")
        made.append("|\n  " if broken else "|", style="dim")
    made.rstrip()
    return made
