"""Which trainings belong together: those of one trainer, at one place of their chains; and what preferences did.

Two arms may share a training that was run once; a chain may have one kind of training twice.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import Findings, TrainingInfo

_PART = 5  # the first and the last fifth of a curve are compared
CHOSEN, REJECTED = "logps/chosen", "logps/rejected"
REWARD, REWARD_REJECTED, MARGIN = "rewards/chosen", "rewards/rejected", "rewards/margins"


def phases(findings: Findings) -> dict[str, list[TrainingInfo]]:
    """Return the trainings by what they are called together: their trainer, else their place in a chain."""
    made: dict[str, list[TrainingInfo]] = {}
    counts: Counter[tuple[str, int | None, str]] = Counter()
    for one in findings.trainings:
        again = (one.arm, one.seed, one.trainer)
        counts[again] += 1
        before = f" ({counts[again]})" if counts[again] > 1 else ""
        made.setdefault(f"{one.trainer}{before}" if one.trainer else one.step, []).append(one)
    return made


def shared(runs: Sequence[TrainingInfo]) -> dict[str, str]:
    """Return the arms whose every run is another arm's too, by name, with the first arm that has it."""
    logs: dict[str, list[TrainingInfo]] = {}
    for one in runs:
        logs.setdefault(one.arm, []).append(replace(one, arm="", step=""))
    made: dict[str, str] = {}
    for arm, log in logs.items():
        owner = next(other for other, known in logs.items() if known == log)
        if owner != arm and any(one.losses or one.curves for one in log):
            made[arm] = owner
    return made


# What preferences did to the answers that were to be preferred


@dataclass(frozen=True)
class Fall:
    """Mean changes over a training in which the chosen answers became less likely; None of what was not logged.

    ``logps`` and ``rewards`` are (chosen, rejected). A reward is measured against the reference on the same answers;
    log-probabilities of other batches, with answers of other lengths, say less.
    """

    logps: tuple[float, float | None]
    rewards: tuple[float | None, float | None]
    margin: float | None

    @property
    def is_deeper(self) -> bool:
        """Whether the rejected answers fell more, and no logged margin says otherwise."""
        reward, lost = self.rewards
        chosen, rejected = (reward, lost) if reward is not None and lost is not None else self.logps
        rose = self.margin is None or self.margin > 0
        return chosen is not None and rejected is not None and rejected < chosen and rose


def falling(findings: Findings) -> list[str]:
    """Say in which arms the chosen answers became less likely over a training on preferences."""
    lower: dict[str, Fall] = {}
    trained = _preferring(findings)
    for name, runs in trained.items():
        for arm in dict.fromkeys(one.arm for one in runs):
            fell = _fell([one for one in runs if one.arm == arm])
            if fell is not None:
                lower[f"{arm} ({name})" if len(trained) > 1 else arm] = fell
    more = {arm: fell for arm, fell in lower.items() if fell.is_deeper}
    raised = {arm: fell for arm, fell in more.items() if fell.margin is not None}
    return [
        *_said(raised, "became less likely too: the margin rose because the rejected ones were lowered more"),
        *_said(_without(more, raised), "became less likely too, and the rejected ones were lowered more"),
        *_said(_without(lower, more), "became less likely, and the rejected ones are not known to have fallen more"),
    ]


def _preferring(findings: Findings) -> dict[str, list[TrainingInfo]]:
    return {name: some for name, runs in phases(findings).items() if (some := [t for t in runs if CHOSEN in t.curves])}


def _fell(runs: Sequence[TrainingInfo]) -> Fall | None:
    """Return what fell with the chosen answers, or None where they did not fall.

    Each run's first fifth is compared with its last. The batches of the two differ, and so do their answers' lengths:
    the reward of the chosen answers has to fall too where it was logged.
    """
    chosen, rejected, reward, lost, margin = (
        _mean(change(one.curves.get(name, ())) for one in runs)
        for name in (CHOSEN, REJECTED, REWARD, REWARD_REJECTED, MARGIN)
    )
    if chosen is None or chosen >= 0 or (reward is not None and reward >= 0):
        return None
    return Fall((chosen, rejected), (reward, lost), margin)


def change(curve: Sequence[tuple[int, float]]) -> float | None:
    """Return the mean of a curve's last fifth minus that of its first, None of fewer than two points."""
    finite = [value for _, value in sorted(curve) if math.isfinite(value)]
    if len(finite) < 2:
        return None
    n = max(1, len(finite) // _PART)
    return statistics.fmean(finite[-n:]) - statistics.fmean(finite[:n])


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else None


def _without(fell: Mapping[str, Fall], others: Mapping[str, Fall]) -> dict[str, Fall]:
    return {arm: one for arm, one in fell.items() if arm not in others}


def _said(fell: Mapping[str, Fall], what: str) -> list[str]:
    if not fell:
        return []
    sizes = [f"{f'{arm}: ' if len(fell) > 1 else ''}{_size(one)}" for arm, one in list(fell.items())[:8]]
    return [
        f"In {listed(list(fell), 8)} the chosen answers {what} (first fifth of the steps to the last: "
        f"{'; '.join(sizes)})."
    ]


def _size(one: Fall) -> str:
    """Write the changes of what was compared: rewards where both were logged, else log-probabilities."""
    by_reward = None not in one.rewards
    chosen, rejected = one.rewards if by_reward else one.logps
    beside = f", rejected {numbers.change(rejected)}" if rejected is not None else ""
    rose = f", margin {numbers.change(one.margin)}" if one.margin is not None else ""
    return f"{'reward' if by_reward else 'log-probability'} of chosen {numbers.change(chosen)}{beside}{rose}"
