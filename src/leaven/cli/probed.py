"""What ``leaven probe`` shows: a table by kind of prompt, what is to be known of it, and the worst answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from leaven.cli.terminal import console, count, printable

if TYPE_CHECKING:
    from rich.table import Table

    from leaven.probe.measured import Probed, Rate
    from leaven.probe.recited import Recited

_PIPED = 160  # columns of a table that no terminal shows
_NARROW = 156  # columns below which intervals stand under their shares
_LONG = 240  # characters of an answer that are shown
_BAD, _FINE = 0.2, 0.02  # shares of answers with a fault from which, and up to which, a cell is coloured


def show(found: Probed, recited: Recited | None, examples: int) -> None:
    """Print the table, what it rests on, and the worst answers."""
    from rich.console import Console

    out, width = console(), None if sys.stdout.isatty() else _PIPED
    wide = Console(emoji=False, highlight=False, markup=False, width=width)
    wide.print(_table(found, narrow=wide.width < _NARROW))
    for line in _below(found, recited):
        out.print(printable(line))
    for line in _examples(found, examples):
        out.print(line)


def _table(found: Probed, *, narrow: bool) -> Table:
    from rich import box
    from rich.table import Table

    from leaven.probe.measured import MEASURES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if narrow else (0, 1))
    table.add_column("prompts", min_width=11, overflow="fold")
    for name in ("n" if narrow else "answers", *MEASURES):
        table.add_column(name, justify="right", overflow="fold")
    for kind in found.kinds:
        table.add_row(*_row(found, kind, narrow))
    table.add_section()
    table.add_row(*_row(found, None, narrow), style="bold")
    return table


def _row(found: Probed, kind: str | None, narrow: bool) -> list[Any]:
    from rich.text import Text

    from leaven.probe.measured import FAULTS, MEASURES

    number = sum(kind in (None, one.kind) for one in found.answers)
    cells = [Text(printable((kind or "all").replace("_", " "))), Text(f"{number:,}")]
    for measure in MEASURES:
        one = found.rate(measure, kind)
        said = _cell(one).replace(" [", "\n").removesuffix("]") if narrow else _cell(one)
        cells.append(Text(said, _style(one.share, measure in FAULTS, measure == "passes")))
    return cells


def _style(share: float | None, is_fault: bool, is_whole: bool) -> str:
    if share is None or not (is_fault or is_whole):
        return ""
    wrong = share if is_fault else 1 - share
    return "red" if wrong >= _BAD else "green" if wrong <= _FINE else "yellow"


def _cell(one: Rate) -> str:
    if one.share is None:
        return "–"
    low, high = (round(100 * (bound or 0.0)) for bound in (one.low, one.high))
    return f"{_percent(one.share)} [{low}–{high}]"


def _percent(share: float) -> str:
    """Return a share in percent; what is not quite none or all is never written as that."""
    whole = round(100 * share)
    if whole == 0 and share > 0:
        return "<1 %"
    return ">99 %" if whole == 100 and share < 1 else f"{whole} %"


def _below(found: Probed, recited: Recited | None) -> Iterator[str]:
    from leaven.probe.measured import COMPETENCES

    how = found.how
    asked = "as bare text" if how.raw else "by the chat template"
    own = "".join(f", {name} {value}" for name, value in found.sampling.items())
    drawn = f"temperature {how.temperature or 0:g}{own}, {how.max_new_tokens} tokens at most, seed {how.seed}"
    yield f"{found.model}: {count(len({one.id for one in found.answers}), 'prompt')} asked {asked}, " + (
        f"{count(how.samples, 'sample')} each, {drawn}"
    )
    if found.manner:
        yield f"{found.model} {found.manner}"
    if any(one.refused for one in found.answers) or found.warnings:
        yield f"a guard refuses instead: {_cell(found.refused)} of answers; a refusal ends by itself, so it may pass"
    yield from found.warnings
    yield "an answer passes if it ends by itself, and is none of: blank, the user's turn, a loop, an echo, rubbish"
    yield "beside each share its 95 % interval (Wilson, by the effective number of answers); of faults fewer are better"
    for name in COMPETENCES:
        if (one := found.rate(name)).share is not None:
            more = "share a word with question or reference" if name == "on topic" else "are turned to somebody"
            yield f"{name}: {_cell(one)} of {count(one.answers, 'answer')} pass and {more}"
    for reason, number in found.unasked.items():
        yield f"not asked: {count(number, 'prompt')}: {reason}"
    for reason, number in found.silent.items():
        yield f"no answer: {count(number, 'prompt')}: {reason}"
    if recited is not None:
        yield from _recitals(recited)


def _recitals(recited: Recited) -> Iterator[str]:
    unit = "words" if recited.tokenizer == "words" else f"tokens of {recited.tokenizer}"
    yield ""
    yield (
        f"word for word in {recited.source}: {_cell(recited.rate)} of answers for {recited.span} {unit} or more; "
        f"longest {max((one.tokens for one in recited.longest), default=0)}, median {recited.median:g}"
    )
    if recited.slice is not None and recited.held_out is not None:
        yield (
            f"in as much text each: {_cell(recited.slice)} in what is looked for, {_cell(recited.held_out)} in what is "
            "held out (chance)"
        )
    for one in recited.longest:
        if one.tokens >= recited.span:
            yield f"  {one.tokens} {unit}, {one.source}: {_cut(one.excerpt)}"


def _examples(found: Probed, most: int) -> Iterator[str]:
    worst = found.worst(most)
    if not worst:
        return
    yield ""
    yield f"the worst of {count(sum(bool(one.faults) for one in found.answers), 'answer')} with a fault:"
    for one in worst:
        yield f"{printable(one.kind.replace('_', ' '))}, {one.id}, sample {one.sample}: {', '.join(one.faults)}"
        yield f"  > {_cut(one.prompt) or '(blank)'}"
        yield f"  < {_cut(one.text) or '(nothing)'}"


def _cut(text: str) -> str:
    """Return the start of what a stranger wrote, on one line, unable to drive a terminal."""
    plain = " ".join(printable(text[: 4 * _LONG].replace("\n", " ⏎ ")).split())
    return plain if len(plain) <= _LONG else f"{plain[: _LONG - 1]}…"


def as_json(found: Probed, recited: Recited | None) -> dict[str, Any]:
    """Return all of a probe, JSON-ready: settings, rates overall and by kind, every answer with what it does wrong."""
    from leaven.probe.measured import COMPETENCES, MEASURES

    def rates(kind: str | None) -> dict[str, Any]:
        return {name: asdict(found.rate(name, kind)) for name in (*MEASURES, *COMPETENCES)}

    made: dict[str, Any] = {
        "model": found.model,
        "how": asdict(found.how),
        "all": rates(None),
        "kinds": {kind: rates(kind) for kind in found.kinds},
        "unasked": dict(found.unasked),
        "silent": dict(found.silent),
        "manner": found.manner,
        "sampling": dict(found.sampling),
        "refused": asdict(found.refused),
        "warnings": list(found.warnings),
    }
    if recited is not None:
        made["recited"] = asdict(recited)
    return {**made, "answers": [asdict(one) for one in found.answers]}
