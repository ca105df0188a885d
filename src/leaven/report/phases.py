"""Which trainings belong together: those of one trainer, at one place of their chains; and what preferences did.

Two arms may share a training that was run once; a chain may have one kind of training twice.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.findings import Findings, TrainingInfo

_PART = 5  # the first and the last fifth of a curve are compared
CHOSEN, REJECTED, REWARD = "logps/chosen", "logps/rejected", "rewards/chosen"


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


def falling(findings: Findings) -> list[str]:
    """Say in which arms the chosen answers became less likely over a training on preferences."""
    lower: dict[str, tuple[float, float | None]] = {}
    trained = _preferring(findings)
    for name, runs in trained.items():
        for arm in dict.fromkeys(one.arm for one in runs):
            fell = _fell([one for one in runs if one.arm == arm])
            if fell is not None:
                lower[f"{arm} ({name})" if len(trained) > 1 else arm] = fell
    more = {arm: fell for arm, fell in lower.items() if fell[1] is not None and fell[1] < fell[0]}
    rest = {arm: fell for arm, fell in lower.items() if arm not in more}
    return [*_lower_both(more), *_lower_one(rest)]


def _preferring(findings: Findings) -> dict[str, list[TrainingInfo]]:
    return {name: some for name, runs in phases(findings).items() if (some := [t for t in runs if CHOSEN in t.curves])}


def _fell(runs: Sequence[TrainingInfo]) -> tuple[float, float | None] | None:
    """Return the mean changes of the chosen and the rejected log-probability, or None where the chosen did not fall.

    Each run's first fifth is compared with its last. The batches of the two differ, and so do their answers' lengths;
    the reward of the chosen answers, which is measured against the reference on the same answers, has to fall too
    where it was logged.
    """
    chosen = _mean(change(one.curves[CHOSEN]) for one in runs)
    reward = _mean(change(one.curves.get(REWARD, ())) for one in runs)
    if chosen is None or chosen >= 0 or (reward is not None and reward >= 0):
        return None
    return chosen, _mean(change(one.curves.get(REJECTED, ())) for one in runs)


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


def _lower_both(fell: Mapping[str, tuple[float, float | None]]) -> list[str]:
    if not fell:
        return []
    sizes = _sizes({arm: (chosen, rejected) for arm, (chosen, rejected) in fell.items()})
    return [
        f"In {listed(list(fell), 8)} the chosen answers became less likely too: the margin rose because the rejected"
        f" ones were lowered more ({sizes})."
    ]


def _lower_one(fell: Mapping[str, tuple[float, float | None]]) -> list[str]:
    if not fell:
        return []
    return [
        f"In {listed(list(fell), 8)} the chosen answers became less likely, and the rejected ones are not known to have"
        f" fallen more ({_sizes(fell)})."
    ]


def _sizes(fell: Mapping[str, tuple[float, float | None]]) -> str:
    said = []
    for arm, (chosen, rejected) in list(fell.items())[:8]:
        beside = f", rejected {numbers.change(rejected)}" if rejected is not None else ""
        said.append(f"{f'{arm}: ' if len(fell) > 1 else ''}chosen {numbers.change(chosen)}{beside}")
    return "log-probability, first fifth of the steps to the last: " + "; ".join(said)
