"""Who asked for what: suites, arms and attributes of control tokens, and which class a combination asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leaven.data.attributes import short
from leaven.report.findings import ArmInfo, Findings, ObeyedInfo

NOTHING_ASKED = "none"  # what the combination without a token is called


def suites(findings: Findings) -> list[str]:
    """Return the suites that asked with control tokens, in their order."""
    return list(dict.fromkeys(one.suite for one in findings.obeyed))


def attributes(findings: Findings, suite: str) -> list[str]:
    """Return the attributes that a suite looks at."""
    return list(dict.fromkeys(one.attribute for one in findings.obeyed if one.suite == suite))


def knowing(findings: Findings, attribute: str) -> list[ArmInfo]:
    """Return the arms that were trained with an attribute's tokens."""
    return [arm for arm in findings.arms if attribute in arm.attributes]


def has_judge(findings: Findings, attribute: str, suite: str | None = None) -> bool:
    """Say whether a scorer that did not label says what a text is."""
    of = [one for one in findings.obeyed if one.attribute == attribute and suite in (None, one.suite)]
    return any(one.judge for one in of)


def by_arm(findings: Findings, suite: str) -> dict[str, list[ObeyedInfo]]:
    """Return what a suite saw, by arm in the study's order; arms that nobody described come last."""
    found: dict[str, list[ObeyedInfo]] = {arm.name: [] for arm in findings.arms}
    for one in findings.obeyed:
        if one.suite == suite:
            found.setdefault(one.arm, []).append(one)
    return {arm: seen for arm, seen in found.items() if seen}


def asks(condition: str, attribute: str, word: str, known: Sequence[str]) -> bool:
    """Say whether a combination of tokens asks for a measured class of an attribute.

    ``known`` are the attributes whose tokens the arm knows, in the order in which a combination names them. Where two
    attributes have a word in common, the class has its attribute's name before it.
    """
    parts = condition.split("+")
    if condition == NOTHING_ASKED or (known and attribute not in known):
        return False
    chosen = [parts[known.index(attribute)]] if len(parts) == len(known) else parts
    return any(word in (short(part), f"{attribute}_{short(part)}") for part in chosen)


def known_by(findings: Findings) -> Mapping[str, Sequence[str]]:
    """Return by arm the attributes whose tokens it was trained with."""
    return {arm.name: arm.attributes for arm in findings.arms}
