"""What is wrong with what a study compares: baselines, doses, margins, claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaven.errors import did_you_mean
from leaven.study.compare import WITHOUT_MARGIN, Claim, Compare, Gap
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, baselines
from leaven.study.measured import better_of, known_values
from leaven.study.problems import Check


def compared(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that what is compared is there: the baseline, the dose, what carries the answer."""
    compare: Compare | None = parts.get("compare")
    if compare is None:
        return
    _baseline(compare, arms, check)
    _doses(parts, compare, arms, check)
    known = known_values(parts.get("evaluate", []))
    for steps, name in _named(compare) if known else ():
        if name not in known:
            check.say(("compare", *steps), f"nothing measures '{name}'", did_you_mean(name, known))
    for name, metrics in compare.evaluators.items():
        _alike(name, metrics, check)
    for index, gap in enumerate(compare.gaps):
        _gap(gap, ("compare", "gaps", index), arms, check)
    for index, claim in enumerate(compare.claims):
        _claim(claim, ("compare", "claims", index), compare, arms, check)


def _doses(parts: Mapping[str, Any], compare: Compare, arms: list[ExpandedArm], check: Check) -> None:
    params = {name for arm in arms for name in arm.params} | parts["swept names"]
    for name in compare.doses:
        if name not in params:
            check.say(("compare", "dose"), f"no arm sweeps '{name}'", did_you_mean(name, params))
    if len(compare.doses) == 2 and set(compare.doses) <= params:
        if compare.doses[0] == compare.doses[1]:
            check.say(("compare", "dose"), f"'{compare.doses[0]}' stands 2 times", "name two different doses, or one")
        elif arms and not any(set(compare.doses) <= set(arm.params) for arm in arms):
            said = f"no arm sweeps both {' and '.join(compare.doses)}"
            check.say(("compare", "dose"), said, "sweep both in one arm: their grid is what is looked at")


def _named(compare: Compare) -> Iterator[tuple[Steps, str]]:
    """Yield every place in which the block names a metric."""
    yield from ((("primary", index), name) for index, name in enumerate(compare.primary))
    yield from ((("margin", name), name) for name in compare.margin)
    yield from ((("coherence", name), name) for name in compare.coherence)
    yield from ((("claims", index, "metric"), claim.metric) for index, claim in enumerate(compare.claims))
    yield from ((("gaps", index, "metric"), gap.metric) for index, gap in enumerate(compare.gaps))
    for name, metrics in compare.evaluators.items():
        yield from ((("evaluators", name, index), metric) for index, metric in enumerate(metrics))


def _alike(name: str, metrics: list[str], check: Check) -> None:
    """Check that evaluators of one thing go the same way: or agreement would look like contradiction."""
    ways = {metric: better_of(metric) for metric in metrics}
    if {"higher", "lower"} <= set(ways.values()):
        said = ", ".join(f"{metric} ({way} is better)" for metric, way in ways.items() if way)
        check.say(("compare", "evaluators", name), f"measure opposite things: {said}", "name metrics of one direction")


def _claim(claim: Claim, at: Steps, compare: Compare, arms: list[ExpandedArm], check: Check) -> None:
    """Check that a claim's arms are there, that there is something to compare with, and by how much."""
    names = [arm.name for arm in arms]
    for field, name in (("arm", claim.arm), ("to", claim.to)):
        if names and name is not None and name not in names:
            check.no_arm((*at, field), name, names)
    to = claim.to or baselines(arms, compare.to).get(claim.arm)
    if claim.arm in names and to in (None, claim.arm) and (claim.to or _has_baseline(compare, arms)):
        check.say((*at, "arm"), f"'{claim.arm}' has no baseline to be compared with", "say `to: ARM`")
    if claim.holds not in WITHOUT_MARGIN and compare.margin_of(claim) is None:
        said = f"says '{claim.holds}' without a margin"
        check.say(at, said, f"give it a `margin`, or compare.margin one for {claim.metric}")
    if claim.holds == "unequal" and claim.group is not None:
        check.say((*at, "group"), "says 'unequal' of one group", "it is about all groups of the metric; take it out")


def _gap(gap: Gap, at: Steps, arms: list[ExpandedArm], check: Check) -> None:
    """Check that the three arms of a gap are there, and three."""
    names = [arm.name for arm in arms]
    three = {"student": gap.student, "teacher": gap.teacher, "bare": gap.bare}
    for field, name in three.items():
        if names and name not in names:
            check.no_arm((*at, field), name, names)
    if len(set(three.values())) < 3:
        check.say(at, "names an arm twice", "name the student, its teacher, and the model without either")


def _baseline(compare: Compare, arms: list[ExpandedArm], check: Check) -> None:
    if isinstance(compare.to, str):
        if arms and not _has_baseline(compare, arms):
            check.no_arm(("compare", "to"), compare.to, [arm.name for arm in arms])
    elif arms and not check.unsound and not _has_baseline(compare, arms):
        said = f"no arm has {', '.join(f'{name}={value}' for name, value in compare.to.items())} beside other values"
        check.say(("compare", "to"), said, "name swept parameters and one of their values each, such as {p: 0}")
    else:
        _siblings(compare.to, arms, check)


def _has_baseline(compare: Compare, arms: list[ExpandedArm]) -> bool:
    """Say whether what arms are compared with is there at all; where it is not, that is said once, of ``to``."""
    return compare.to in [arm.name for arm in arms] or bool(baselines(arms, compare.to))


def _siblings(to: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that each sweep of the named parameters has the values that make a baseline."""
    found = baselines(arms, to)
    for arm in arms:
        alone = set(to) <= set(arm.params) and arm.name not in found and arm.name not in found.values()
        if alone and not arm.replicate:
            said = f"'{arm.name}' has no sibling with {', '.join(f'{name}={value}' for name, value in to.items())}"
            check.say(("arms", arm.stem, "sweep"), said, "add that value to its sweep, or it is compared with none")
