"""Does a judge prefer what people prefer? Sample 0 of each prompt is the answer that people preferred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.judged.intervals import Mean, Share, mean, share
from leaven.stats.judged.orders import Orders
from leaven.stats.table import Floats


@dataclass(frozen=True)
class WithPeople:
    """How often a judge ranks better what people preferred; ``ties`` of the judge count half, ``unscored`` not at all.

    ``longer_by_people`` and ``longer_by_judge`` are how often each prefers the longer answer of the same pairs, and
    ``longer_more`` is by how much the judge does so more often: above 0, it has a taste for length.
    """

    agreement: Share
    ties: int
    unscored: int
    longer_by_people: Share
    longer_by_judge: Share
    longer_more: Mean


def with_people(seen: Orders) -> WithPeople | None:
    """Compare a judge's first ranks with people's preference; None where there is no such pair."""
    asked = seen.first
    pairs = asked.of(asked.there.sum(axis=1) == 2)
    if not len(pairs.prompt):
        return None
    scored = pairs.of(pairs.is_whole)
    preferred = _wins(scored.rank)
    longer = scored.length[:, 0] - scored.length[:, 1]
    told = ~np.isnan(longer) & (longer != 0)
    by_people, by_judge = (longer > 0).astype(float), np.where(longer > 0, preferred, 1 - preferred)
    return WithPeople(
        agreement=share(preferred, scored.prompt),
        ties=int(np.sum(preferred == 0.5)),
        unscored=len(pairs.prompt) - len(scored.prompt),
        longer_by_people=share(by_people[told], scored.prompt[told]),
        longer_by_judge=share(by_judge[told], scored.prompt[told]),
        longer_more=mean((by_judge - by_people)[told], scored.prompt[told]),
    )


def _wins(rank: Floats) -> Floats:
    """Return 1 where answer 0 is ranked better, 0 where answer 1 is, a half in a tie."""
    return (1 + np.sign(rank[:, 1] - rank[:, 0])) / 2
