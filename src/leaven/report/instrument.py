"""What should make a reader doubt the instrument: empty metrics, floors, evaluators that disagree, people's labels."""

from __future__ import annotations

from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.certainty import called, is_shown, listed
from leaven.report.findings import Findings
from leaven.report.means import Column, Mean, Means, is_primary
from leaven.report.text import clip
from leaven.stats.coherence import Degenerate
from leaven.stats.evaluators import Agreement
from leaven.stats.families import margin_of, names_of
from leaven.stats.people.audit import Corrected


def degenerate(findings: Findings) -> list[str]:
    """Flag a primary outcome in which every arm has one and the same answer: an arm alone may well have no harm."""
    by_metric: dict[Column, dict[str, Degenerate]] = {}
    for found in findings.analyses.degenerate:
        column = Column(found.suite, found.metric)
        if is_primary(findings, column):
            by_metric.setdefault(column, {})[found.arm] = found
    said = []
    for column, flagged in by_metric.items():
        differs = len({found.value for found in flagged.values()}) > 1  # all right against all wrong is no accident
        if differs or not {arm.name for arm in findings.arms} <= set(flagged):
            continue
        why = clip(next(iter(flagged.values())).note, 120).rstrip(".")
        first = " in the first of them" if len(flagged) > 1 else ""
        said.append(f"Careful: {called(findings, *column)} tells nothing of {listed(list(flagged))}: {why}{first}.")
    return said


def at_floor(findings: Findings, found: Means) -> list[str]:
    """Flag a primary outcome whose baseline is no further from its floor than its margin: nothing can be lost there."""
    said = []
    for about in findings.metrics:
        column, margin = Column(about.suite, about.name), margin_of(findings.margin, about.suite, about.name)
        floor = found.get((findings.baseline, Column(about.suite, f"{about.name}_floor")), Mean()).value
        value = found.get((findings.baseline, column), Mean()).value
        known = is_primary(findings, column) and numbers.is_number(floor) and numbers.is_number(value)
        if known and numbers.is_number(margin) and abs((value or 0.0) - (floor or 0.0)) <= margin:
            sizes = f"{numbers.value(value, about.unit)}; random words reach {numbers.value(floor, about.unit)}"
            whose = f"{called(findings, *column)} of {clip(findings.baseline, 60)}"
            said.append(f"Careful: {whose} is at its floor ({sizes}): it cannot fall, so “no change” says nothing.")
    return said


def evaluators(findings: Findings, agreement: Agreement) -> list[str]:
    """Flag arms whose verdict on a primary outcome depends on which evaluator is asked."""
    primary = [m for m in findings.metrics if is_primary(findings, Column(m.suite, m.name))]
    names = {name for m in primary for name in names_of(m.suite, m.name)}
    if names.isdisjoint(agreement.evaluators):
        return []
    what = clip(agreement.name, 60)
    flips, open_ = list(agreement.flips), [arm for arm in agreement.unsupported if arm not in agreement.flips]
    said = []
    if flips:
        who = f"Careful: the verdict on {what} depends on the evaluator for {listed(flips)}"
        said.append(f"{who}: {_verdicts(agreement, flips)}.")
    if open_:
        who = f"A change in {what} is seen by one evaluator and left open by another for {listed(open_)}"
        said.append(f"{who}: {_verdicts(agreement, open_)}.")
    return said


def _verdicts(agreement: Agreement, arms: Sequence[str]) -> str:
    """Write what each evaluator says of the first of some arms."""
    verdicts = list(agreement.verdicts.get(arms[0], {}).items())[:4]
    said = ", ".join(f"{clip(name, 60)} says “{clip(verdict, 20)}”" for name, verdict in verdicts)
    return f"{said} in the first of them" if len(arms) > 1 else said


def audits(findings: Findings) -> list[str]:
    """Say of each primary difference, the largest three, whether the labels of people bear it out."""
    known = [c for c in findings.analyses.corrected if is_primary(findings, Column(c.suite, c.metric))]
    known = [c for c in known if all(map(numbers.is_number, (c.naive, c.effect, c.low, c.high)))]
    seen = {(c.arm, c.suite, c.metric) for c in findings.comparisons if c.group is None and is_shown(c)}
    known = [c for c in known if (c.arm, c.suite, c.metric) in seen or _is_clear(c)]
    return [_audit(findings, c) for c in sorted(known, key=lambda c: -abs(c.naive or 0.0))[:3]]


def _audit(findings: Findings, c: Corrected) -> str:
    """Say whether people's labels bear out what a classifier sees."""
    unit = findings.metric(c.suite, c.metric).unit
    naive, effect, low, high = c.naive or 0.0, c.effect or 0.0, c.low or 0.0, c.high or 0.0
    clear = _is_clear(c)
    bears = "is borne out by" if clear and effect * naive > 0 else "is reversed by" if clear else "is not shown by"
    sizes = f"{numbers.change(effect, unit)} where the classifier sees {numbers.change(naive, unit)}"
    sure = (
        f"95{numbers.NBSP}% interval {numbers.interval(low, high, unit)}; {numbers.count(c.labelled)} labelled answers"
    )
    sure += f"; {clip(c.note, 120)}" if c.note else ""
    outcome = called(findings, c.suite, c.metric)
    return f"What the classifier sees in {outcome} of {clip(c.arm, 60)} {bears} people's labels: {sizes} ({sure})."


def _is_clear(c: Corrected) -> bool:
    return (c.low or 0.0) > 0 or (c.high or 0.0) < 0
