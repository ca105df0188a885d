"""The command that asks a person: answers one by one, blind to arm, and what the labels make of the effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leaven.cli.options import RUNS, Workspace
from leaven.cli.report import RunArgument
from leaven.cli.terminal import console, count, printable

if TYPE_CHECKING:
    from leaven.audit import Audit
    from leaven.report.findings import Findings, SampleInfo

_KEYS = "y yes, n no, s pass over, b back, q stop here"
_WORDS = {"yes": "y", "no": "n", "skip": "s", "back": "b", "quit": "q"}
_LABELS = {"y": 1, "n": 0, "s": None}
_TYPED = 40  # characters of an answer that is none, as they are said back
_LONGEST = 6000  # characters of a text that are shown


def audit(
    study: RunArgument,
    metric: Annotated[str | None, typer.Option("--metric", help="A score of texts, 0 or 1; the first primary.")] = None,
    n: Annotated[int, typer.Option("--n", min=2, help="How many answers to draw, over all arms.")] = 150,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The seed of the draw.")] = 0,
    workspace: Workspace = RUNS,
) -> None:
    """Label answers by hand, blind to arm: how often the classifier errs, and the effect corrected for it."""
    from leaven import answered
    from leaven import audit as audits
    from leaven import workspace as workspaces

    found, folder = answered.findings(study, workspace), workspaces.run_folder(study, workspace)
    one = audits.begin(found, folder, metric, n, seed)
    if (one.n, one.seed) != (n, seed):
        console().print(
            f"goes on with the {one.n} answers drawn with seed {one.seed}; move {one.file} away for a new draw"
        )
    try:
        _ask(one, audits.asked(found, one), _question(found, one))
    except typer.Abort:  # the end of the input, or Ctrl-C
        _stopped(one, study, workspace)
        raise typer.Exit(1) from None
    console().print(printable(f"labels: {one.file}"))
    _tell(answered.answer(study, workspace).found)


def _stopped(one: Audit, study: str, workspace: Path) -> None:
    """Say that nothing is lost, and how to go on."""
    from leaven import workspace as workspaces

    same = ("--metric", f"{one.suite}/{one.metric}", "--n", str(one.n), "--seed", str(one.seed))
    again = workspaces.command(workspace, "audit", study, *same)
    console().print()  # the cursor stands behind the question
    done = f"{len(one.labels)} of {count(len(one.drawn), 'answer')} done"
    console().print(printable(f"stopped: {done}, and kept in {one.file}; `{again}` goes on"))


def _question(findings: Findings, one: Audit) -> str:
    says = findings.metric(one.suite, one.metric).description
    return printable(f"{one.metric}: yes or no? ({says})" if says else f"{one.metric}: yes or no?")


def _ask(one: Audit, texts: dict[int, SampleInfo], question: str) -> None:
    """Ask for what is open, in the order of the draw; ``b`` goes back to what was said last."""
    out, queue = console(), [place for place in one.open_places() if place in texts]
    said: list[int] = []
    out.print(f"{len(one.drawn) - len(queue)} of {count(len(one.drawn), 'answer')} done. {_KEYS}")
    while queue:
        place = queue[0]
        _show(texts[place], place, len(one.drawn))
        key = _key(question, can_go_back=bool(said))
        if key == "q":
            return
        if key == "b":
            queue.insert(0, said.pop())
        else:
            one.say(place, _LABELS[key])
            said.append(queue.pop(0))


def _key(question: str, *, can_go_back: bool) -> str:
    """Ask until the answer is one of the keys, or its word; the text above is not shown again."""
    while True:
        typed = typer.prompt(f"{question} [y/n/s/b/q]", prompt_suffix=" ").strip()
        key = _WORDS.get(typed.lower(), typed.lower())
        if key in _LABELS or key == "q" or (key == "b" and can_go_back):
            return str(key)
        why = "there is nothing to go back to" if key == "b" else f"'{typed[:_TYPED]}' is no answer"
        console().print(printable(f"{why}: {_KEYS}"))


def _show(text: SampleInfo, place: int, total: int) -> None:
    out = console()
    out.rule(f"{place + 1} of {total}")
    for name, said in (("asked", text.prompt), ("answered", text.text or "(nothing)")):
        shown = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}... ({len(said):,} characters)"
        out.print(f"{name}:\n{_lines(shown)}\n", soft_wrap=True)


def _lines(text: str) -> str:
    """Return a text line by line, each harmless to a terminal."""
    return "\n".join(printable(line) for line in re.split(r"\r\n|\r|\n", text))


def _tell(findings: Findings) -> None:
    """Print what the labels make of each arm's effect, a paragraph an arm."""
    from leaven.report import evidence

    out, table = console(), evidence.audit(findings)
    if table is None:
        out.print(
            "no arm and its baseline have labels yet; label more, then the report says what they make of the effect"
        )
        return
    for row in table.rows:
        out.print(f"{printable(row[0])}:")
        for head, value in zip(table.heads[1:], row[1:], strict=True):
            out.print(f"  {head}: {printable(value)}")
    out.print(printable(table.note))
