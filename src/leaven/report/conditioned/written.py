"""What models wrote under each combination of tokens: a few texts of each, to read and not to count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaven.report.conditioned.asked import NOTHING_ASKED
from leaven.report.findings import AskedSample, Findings

TEXTS, COMBINATIONS = 3, 8


@dataclass(frozen=True)
class Written:
    """One arm's texts under some combinations: (combination, its texts); ``left_out`` are not shown."""

    arm: str
    suite: str
    seed: int | None
    under: Sequence[tuple[str, Sequence[AskedSample]]]
    left_out: int = 0


def written(findings: Findings, suite: str) -> list[Written]:
    """Return the texts of a suite, arm by arm: of the first seed, the same items throughout; the largest first."""
    by_arm: dict[str, list[AskedSample]] = {arm.name: [] for arm in findings.arms}
    for one in findings.asked:
        if one.suite == suite:
            by_arm.setdefault(one.arm, []).append(one)
    made = [_of_arm(texts) for texts in by_arm.values() if texts]
    return sorted(made, key=lambda one: -len(one.under))


def _of_arm(texts: Sequence[AskedSample]) -> Written:
    first = texts[0]
    mine = [one for one in texts if one.seed == first.seed]
    items = list(dict.fromkeys(one.item for one in mine))[:TEXTS]
    every = list(dict.fromkeys(one.condition for one in mine))
    chosen = _spread(every)
    under = [(name, [one for one in mine if one.condition == name and one.item in items][:TEXTS]) for name in chosen]
    return Written(first.arm, first.suite, first.seed, under, len(every) - len(chosen))


def _spread(every: Sequence[str]) -> list[str]:
    """Return the combination without a token first, and of very many others some that are evenly apart."""
    rest = [name for name in every if name != NOTHING_ASKED]
    room = COMBINATIONS - (len(rest) < len(every))
    step = max(1.0, (len(rest) - 1) / max(1, room - 1))
    kept = rest if len(rest) <= room else [rest[round(place * step)] for place in range(room)]
    return [*([NOTHING_ASKED] if len(rest) < len(every) else []), *kept]
