"""What to be careful of where ways of aligning are compared, in plain sentences; each is said only where it is true."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import called, is_shown, listed
from leaven.report.findings import Findings
from leaven.report.methods.found import RewardedInfo
from leaven.report.text import clip


def doubts(findings: Findings) -> list[str]:
    """Return everything to be careful of, most serious first."""
    return [*cautions(findings), *_unreached(findings), *_guards(findings), *_curved(findings)]


def cautions(findings: Findings) -> list[str]:
    """Flag guards that let nothing pass, rewards that rose at another measure's cost, or measure themselves."""
    rewarded = [said for one in findings.methods.rewarded for said in (*_hacked(findings, one), *_circular(one))]
    return [*_silenced(findings), *rewarded]


def _silenced(findings: Findings) -> Iterator[str]:
    """Flag guards that block all that they see, in all suites: what is measured of such an arm is a refusal."""
    seen: dict[tuple[str, str], list[int]] = {}
    for one in findings.methods.guards:
        counts = seen.setdefault((one.arm, one.guard), [0, 0])
        counts[0], counts[1] = counts[0] + one.looked, counts[1] + one.blocked
    for (arm, guard), (looked, blocked) in seen.items():
        if blocked and blocked == looked:
            yield (
                f"Careful: the guard {clip(guard, 60)} of {clip(arm, 60)} blocks all {numbers.count(looked)} texts that"
                " it saw: what is measured of that arm is a refusal, not its model."
            )


def _hacked(findings: Findings, one: RewardedInfo) -> Iterator[str]:
    """Flag a reward that rose while an independent metric is shown to be worse than the baseline's.

    Where the study has the arm that the training began as, what that one lost already is not the reward's doing.
    """
    if not one.last > one.first:
        return
    worse = [called(findings, c.suite, c.metric) for c in _worse(findings, one.arm) if _by_reward(findings, one, c)]
    if worse:
        rose = f"from {numbers.rounded(one.first)} to {numbers.rounded(one.last)}"
        before = f", and worse than {clip(one.start, 60)}, where that training began" if one.start else ""
        yield (
            f"Careful: the reward of {clip(one.arm, 60)} rose {rose} in training, and {listed(worse, 6)} is shown to be"
            f" worse than the baseline{before}: it may have learnt to please its reward (reward hacking)."
        )


def _worse(findings: Findings, arm: str) -> list[Comparison]:
    """Return in what an arm is shown to be worse than its baseline, over all items."""
    mine = [c for c in findings.comparisons if c.arm == arm and c.group is None and c.kind == "difference"]
    return [c for c in mine if is_shown(c) and (c.effect or 0.0) * _wrong(findings, c) > 0]


def _wrong(findings: Findings, c: Comparison) -> int:
    """Return which way a metric gets worse: 1 up, -1 down, 0 where nobody said."""
    return {"higher": -1, "lower": 1}.get(findings.metric(c.suite, c.metric).better or "", 0)


def _by_reward(findings: Findings, one: RewardedInfo, c: Comparison) -> bool:
    """Say whether a loss is one in another measure than the reward's own, and none that the training began with."""
    if f"{c.suite}/{c.metric}" in one.measured:
        return False
    if one.start in (None, c.baseline):
        return True
    at = ("suite", "metric", "group", "kind", "baseline")
    other = next((d for d in findings.comparisons if d.arm == one.start
                  and all(getattr(d, name) == getattr(c, name) for name in at)), None)  # fmt: skip
    lost = None if other is None else other.effect
    return lost is None or (c.effect or 0.0) * _wrong(findings, c) > lost * _wrong(findings, c)


def _circular(one: RewardedInfo) -> Iterator[str]:
    if one.measured:
        measure = "measures" if len(one.measured) == 1 else "measure"
        yield (
            f"Circular: {clip(one.arm, 60)} was rewarded by {clip(one.by, 80)}, which is also what"
            f" {listed(list(one.measured), 6)} {measure}. Do not read that as a gain; another measure would tell."
        )


def _unreached(findings: Findings) -> Iterator[str]:
    """Name the suites that asked an arm without its prompt-time methods."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (arm, suite), methods in findings.methods.unreached.items():
        alike.setdefault((suite, tuple(dict.fromkeys(methods))), []).append(arm)
    for (suite, methods), arms in alike.items():
        yield (
            f"{clip(suite, 60)} cannot ask with {listed(list(methods))}: there {listed(arms, 6)}"
            f" {'is' if len(arms) == 1 else 'are'} asked without."
        )


def _guards(findings: Findings) -> Iterator[str]:
    """Say what is odd of guards; arms of which the same is said stand in one sentence."""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in findings.methods.guards:
        for said in one.warnings:
            arms = alike.setdefault((one.suite, said), [])
            arms += [one.arm] if one.arm not in arms else []
    for (suite, said), arms in alike.items():
        yield f"{listed(arms, 6)} in {clip(suite, 60)}: {clip(said, 200)}."


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
