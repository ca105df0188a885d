"""What another attribute does to the first: misalignment against how many attributes an arm was trained with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from leaven.report import numbers, still
from leaven.report.certainty import certainty, is_shown, listed
from leaven.report.conditioned.asked import attributes, knowing
from leaven.report.findings import ArmInfo, Findings
from leaven.report.means import Column, Mean, Means
from leaven.report.text import clip
from leaven.stats.claims import Verdict
from leaven.stats.families import names_of

_MOST = 12  # sentences of one suite


def plain_arms(findings: Findings, attribute: str) -> list[ArmInfo]:
    """Return the arms that know an attribute, the first one declared of each set of attributes, by their number.

    Others with the same set differ in something else as well: in their data, or in how long they were trained.
    """
    first: dict[frozenset[str], ArmInfo] = {}
    for arm in knowing(findings, attribute):
        if not findings.is_replicate(arm):
            first.setdefault(frozenset(arm.attributes), arm)
    return sorted(first.values(), key=lambda arm: len(arm.attributes))


def adding(findings: Findings, found: Means, suite: str) -> list[str]:
    """Say what adding attributes did to each attribute: as the study tested it, else as it was seen."""
    made = [
        _said(findings, found, Column(suite, f"misalignment_{attribute}"), attribute, pair)
        for attribute in attributes(findings, suite)
        for pair in _steps(findings, attribute)
    ]
    there = [said for said in made if said]
    more = [f"{len(there) - _MOST} more such pairs are not told."] if len(there) > _MOST else []
    return [*there[:_MOST], *more]


def _steps(findings: Findings, attribute: str) -> Iterator[tuple[ArmInfo, ArmInfo]]:
    """Yield pairs of arms of which the second knows all that the first knows, and more, with no arm between them."""
    known = [(arm, set(arm.attributes)) for arm in plain_arms(findings, attribute)]
    for (one, few), (other, many) in itertools.combinations(known, 2):
        if few < many and not any(few < between < many for _, between in known):
            yield one, other


def _said(findings: Findings, found: Means, column: Column, attribute: str, pair: tuple[ArmInfo, ArmInfo]) -> str:
    one, other = pair
    means = [found.get((arm.name, column), Mean()) for arm in pair]
    if any(mean.value is None for mean in means):
        return ""
    added = listed([name for name in other.attributes if name not in one.attributes], 6)
    unit = findings.metric(column.suite, column.metric).unit
    before, after = (numbers.value(mean.value, unit) for mean in means)
    what = f"Adding {added} to {clip(one.name, 60)} (which is {clip(other.name, 60)}): misalignment of"
    return f"{what} {clip(attribute, 60)} {before} before, {after} after; {_tested(findings, column, pair)}."


def _tested(findings: Findings, column: Column, pair: tuple[ArmInfo, ArmInfo]) -> str:
    """Say what a claim or a comparison of these two arms shows, or that there is none."""
    one, other = (arm.name for arm in pair)
    claimed = [v for v in findings.analyses.verdicts if (v.claim.arm, v.claim.to) == (other, one) and _is_of(v, column)]
    if claimed:
        return "; ".join(_claimed(findings, column, verdict) for verdict in claimed)
    for c in findings.comparisons:
        same = Column(c.suite, c.metric, c.group) == column
        if same and c.kind == "difference" and (c.arm, c.baseline) == (other, one):
            word = "a change was shown" if is_shown(c) else "no change was shown"
            return f"{word} ({certainty(findings, c)})"
    return "the study did not test this difference"


def _is_of(verdict: Verdict, column: Column) -> bool:
    return verdict.claim.group is None and verdict.claim.metric in names_of(column.suite, column.metric)


def _claimed(findings: Findings, column: Column, verdict: Verdict) -> str:
    unit = findings.metric(column.suite, column.metric).unit
    between = numbers.interval(verdict.low90, verdict.high90, unit)
    size = numbers.change(verdict.effect, unit) if numbers.is_number(verdict.effect) else "not compared"
    sure = [size, *([f"90{numbers.NBSP}% interval {between}"] if between else [])]
    sure += [f"{numbers.p_phrase(verdict.p_holm)} after Holm's correction"] if numbers.is_number(verdict.p_holm) else []
    late = "" if verdict.locked else ", exploratory"
    doubt = still.of_claim(findings, verdict)
    said = f"claim “{clip(verdict.claim.says, 160).rstrip('.')}” {verdict.verdict}{late} ({'; '.join(sure)})"
    return f"{said}; {doubt}" if doubt else said
