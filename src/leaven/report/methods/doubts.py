"""What to be careful of where ways of aligning are compared, in plain sentences; each is said only where it is true."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.report import numbers
from leaven.report.certainty import called, is_shown, listed
from leaven.report.findings import Findings
from leaven.report.methods.found import RewardedInfo
from leaven.report.text import clip


def doubts(findings: Findings) -> list[str]:
    """Return everything to be careful of, most serious first."""
    return [*cautions(findings), *_unreached(findings), *_guards(findings), *_curved(findings)]


def cautions(findings: Findings) -> list[str]:
    """Flag rewards that rose while something else got worse, and rewards that measure themselves."""
    return [said for one in findings.methods.rewarded for said in (*_hacked(findings, one), *_circular(one))]


def _hacked(findings: Findings, one: RewardedInfo) -> Iterator[str]:
    """Flag a reward that rose while an independent metric is shown to be worse than the baseline's."""
    if not one.last > one.first:
        return
    worse = []
    for c in findings.comparisons:
        about = findings.metric(c.suite, c.metric)
        wrong = {"higher": -1, "lower": 1}.get(about.better or "", 0)
        own = f"{c.suite}/{c.metric}" in one.measured
        if c.arm == one.arm and c.group is None and c.kind == "difference" and not own and is_shown(c):
            worse += [called(findings, c.suite, c.metric)] if (c.effect or 0.0) * wrong > 0 else []
    if worse:
        rose = f"from {numbers.rounded(one.first)} to {numbers.rounded(one.last)}"
        yield (
            f"Careful: the reward of {clip(one.arm, 60)} rose {rose} in training, and {listed(worse, 6)} is shown to be"
            " worse: it may have learnt to please its reward (reward hacking)."
        )


def _circular(one: RewardedInfo) -> Iterator[str]:
    if one.measured:
        yield (
            f"Circular: {clip(one.arm, 60)} was rewarded by {clip(one.by, 80)}, which is also what"
            f" {listed(list(one.measured), 6)} measures. Do not read that as a gain; another measure would tell."
        )


def _unreached(findings: Findings) -> Iterator[str]:
    """Name the suites that asked an arm without its prompt-time methods."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (arm, suite), methods in findings.methods.unreached.items():
        alike.setdefault((suite, tuple(methods)), []).append(arm)
    for (suite, methods), arms in alike.items():
        yield (
            f"{clip(suite, 60)} cannot ask with {listed(list(methods))}: there {listed(arms, 6)}"
            f" {'is' if len(arms) == 1 else 'are'} asked without."
        )


def _guards(findings: Findings) -> Iterator[str]:
    for one in findings.methods.guards:
        yield from (f"{clip(one.arm, 60)}, {clip(one.suite, 60)}: {clip(said, 200)}." for said in one.warnings)


def _curved(findings: Findings) -> Iterator[str]:
    """Say of arms that were measured on the way of a training that they are no shorter trainings."""
    by_schedule: dict[str, list[str]] = {}
    for arm, schedule in findings.methods.curved.items():
        by_schedule.setdefault(schedule, []).append(arm)
    for schedule, arms in by_schedule.items():
        yield (
            f"{listed(arms, 6)} {'is' if len(arms) == 1 else 'are'} measured on the way of a longer training whose"
            f" learning rate was falling ({schedule}): a training that ends there would have ended at another rate."
        )
