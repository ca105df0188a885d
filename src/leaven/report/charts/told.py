"""What charts say in words: names of metrics, what a mark tells when pointed at, what a picture shows."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import certainty, is_shown
from leaven.report.findings import Findings
from leaven.report.listings import bounds
from leaven.report.means import Column
from leaven.report.text import clean, clip, label

_ABOUT = 160  # letters on what a metric is
NAMED = 12  # arms whose values are told to who cannot see the picture


def metric(findings: Findings, column: Column) -> str:
    """Name a metric; its suite too where the metric alone does not tell."""
    both = findings.needs_suite(column.suite, column.metric)
    return f"{label(column.metric, 40)} ({label(column.suite, 20)})" if both else label(column.metric, 40)


def direction(findings: Findings, column: Column) -> str:
    """Say which way is better, or nothing."""
    better = findings.metric(column.suite, column.metric).better
    return f"{better} is better" if better in ("higher", "lower") else ""


def named(findings: Findings, column: Column) -> str:
    """Name a metric with the way that is better, for an axis."""
    way = direction(findings, column)
    return f"{metric(findings, column)}, {way}" if way else metric(findings, column)


def about(findings: Findings, column: Column) -> str:
    """Say what a metric is, as a sentence; empty where nobody described it."""
    said = _cut(findings.metric(column.suite, column.metric).description).rstrip(". ")
    whole = "; ".join(filter(None, [said, direction(findings, column)]))
    return f"{whole[:1].upper()}{whole[1:]}." if whole else ""


def _cut(description: str) -> str:
    """Return a description's first words, so that what a chart shows is said whole behind it."""
    words = textwrap.shorten(clean(description), _ABOUT, placeholder=" …")
    if words in ("", "…"):  # one long word
        return label(description, _ABOUT)
    return f"{words[:-2].rstrip(' .,;:')}…" if words.endswith(" …") else words


def run(findings: Findings, column: Column, arm: str, seed: int | None, value: float) -> str:
    """Tell of one run: its arm, its seed, its mean."""
    which = "not trained" if seed is None else f"seed {seed}"
    return f"{label(arm, 80)}\n{which}: {_value(findings, column, value)}"


def arm(findings: Findings, column: Column, name: str, value: float | None, *more: str) -> str:
    """Tell of one arm: its mean, and what else there is to say."""
    return "\n".join([label(name, 80), f"{metric(findings, column)}: {_value(findings, column, value)}", *more])


def compared(findings: Findings, c: Comparison) -> list[str]:
    """Tell of one comparison, in lines: how much, how sure, and whether a change was shown."""
    unit = findings.metric(c.suite, c.metric).unit
    lines = [f"{numbers.change(c.effect, unit)} against {label(c.baseline, 60)}", certainty(findings, c)]
    if (ninety := bounds(c.low90, c.high90, unit)) is not None:
        lines.insert(1, f"90{numbers.NBSP}% interval {ninety}")
    return [*lines, "a change was shown"] if is_shown(c) else lines


def listed(said: Sequence[tuple[str, str]]) -> str:
    """Put names and values into one sentence, the first twelve of them."""
    words = [f"{clip(name, 40)}: {value}" for name, value in said[:NAMED]]
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return f"{'; '.join(words)}{more}." if words else ""


def joined(*sentences: str) -> str:
    """Put sentences after each other, without the empty ones."""
    return " ".join(filter(None, sentences))


def _value(findings: Findings, column: Column, value: float | None) -> str:
    return numbers.value(value, findings.metric(column.suite, column.metric).unit)
