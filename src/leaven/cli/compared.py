"""What ``leaven compare`` shows in the terminal: one row per metric and arm, how sure, and what to know of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaven.cli.terminal import console, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from leaven.against import Compared
    from leaven.comparison import Comparison
    from leaven.report.findings import Findings

_PIPED = 160  # columns of a table that no terminal shows
_ABOUT = {"models": "these models", "recipe": "new trainings"}
_STYLES = {"better": "bold green", "worse": "bold red", "shift": "bold"}


def show(found: Compared) -> None:
    """Print the table, the answer and the notes."""
    out = console()
    _wide().print(_table(found))
    for line in _below(found):
        out.print(printable(line))


def _wide() -> Console:
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPED
    return Console(emoji=False, highlight=False, markup=False, width=width)


def _table(found: Compared) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    arms = list(dict.fromkeys(found.to.values())) + list(found.to)
    alone = len(arms) == 2
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("suite", "metric", *(() if alone else ("arm",))):
        table.add_column(name)
    values = (f"{arms[0]} (baseline)", arms[1]) if alone else ("baseline", "arm's value")
    for name in (*values, "difference", "95 % interval", "p", "items"):
        table.add_column(printable(name), justify="right")
    table.add_column("holds for")
    before = ""
    for c in _differences(found):
        first = [c.suite if c.suite != before else "", c.metric] + ([] if alone else [c.arm])
        style = _STYLES.get(_tone(found.findings, c), "")
        table.add_row(*(Text(printable(cell), style) for cell in (*first, *_numbers(found.findings, c))))
        before = c.suite
    return table


def _differences(found: Compared) -> list[Comparison]:
    """Return what is compared over all items; groups are on the page."""
    return [c for c in found.findings.comparisons if c.group is None and c.kind == "difference"]


def _numbers(findings: Findings, c: Comparison) -> list[str]:
    from leaven.report import numbers
    from leaven.report.certainty import corrected_p

    unit = findings.metric(c.suite, c.metric).unit
    if c.effect is None:
        return ["–", "–", "not compared", "–", "–", numbers.count(c.n_items), "–"]
    low, high, p, about = c.low, c.high, numbers.p_value(corrected_p(c)), _ABOUT.get(c.scope or "", "–")
    if low is None and c.models.models_low is not None:  # one run each: items alone speak, and of these models alone
        low, high, about = c.models.models_low, c.models.models_high, _ABOUT["models"]
        p = f"{numbers.p_value(c.models.models_p)} ({c.models.models_test})"
    return [
        numbers.value(c.baseline_mean, unit), numbers.value(c.mean, unit), numbers.change(c.effect, unit),
        numbers.interval(low, high, unit) or "none", p, numbers.count(c.n_items), about,
    ]  # fmt: skip


def _tone(findings: Findings, c: Comparison) -> str:
    """Say whether a change was shown, and whether it is for the better."""
    from leaven.report.certainty import is_shown

    better = findings.metric(c.suite, c.metric).better
    if not is_shown(c) or not c.effect:
        return ""
    return "shift" if better is None else "better" if (c.effect > 0) == (better == "higher") else "worse"


def _below(found: Compared) -> Iterator[str]:
    """Yield the answer, what the numbers are about, and what a reader must know."""
    from leaven.report.answer import answer

    findings, shown = found.findings, _differences(found)
    if findings.primary:
        yield from answer(findings)
    yield from _about(shown)
    yield from _unsure(findings, shown)
    yield from _telling_nothing(findings)
    yield from findings.warnings


def _unsure(findings: Findings, shown: list[Comparison]) -> Iterator[str]:
    """Yield why there is no interval, what has the same reason in one line."""
    from leaven.report.certainty import outcome

    alike: dict[str, list[str]] = {}
    for c in shown:
        if c.low is None and c.note:
            alike.setdefault(c.note, []).append(f"{outcome(findings, c)} of {c.arm}")
    yield from (f"{', '.join(names)}: {note}" for note, names in alike.items())


def _telling_nothing(findings: Findings) -> Iterator[str]:
    """Yield the metrics that tell nothing of an arm, those of which the same is to be said in one line."""
    from leaven.report.means import Column, is_primary

    alike: dict[tuple[str, str], list[str]] = {}
    for one in findings.analyses.degenerate:
        if not is_primary(findings, Column(one.suite, one.metric)):  # of those, the answer says it
            alike.setdefault((one.arm, one.note), []).append(f"{one.suite}/{one.metric}")
    yield from (f"{', '.join(names)} of {arm}: {note}" for (arm, note), names in alike.items())


def _about(shown: list[Comparison]) -> Iterator[str]:
    """Say how p was corrected, and whom the intervals speak of."""
    tested = [c for c in shown if c.p is not None]
    if any(c.family == "exploratory" for c in tested):
        yield "p is Benjamini and Hochberg's over all that is explored; --primary METRIC says what matters (Holm)."
    if any(c.scope == "models" for c in tested):
        yield "these models: another set of such items is covered, another training is not (no training seed is known)."
    if any(c.scope == "recipe" for c in tested):
        yield "new trainings: the recipe, with new items and new training runs."
