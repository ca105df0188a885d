"""Does a judge agree with itself when the same answers stand in another order?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.judged.intervals import Mean, Share, mean, share
from leaven.stats.judged.orders import Orders, best, taus
from leaven.stats.table import Codes


@dataclass(frozen=True)
class Again:
    """How a judge's two askings agree. ``tau`` is Kendall's tau-b, prompt by prompt; ``undefined`` of them have none.

    ``same_best`` is the share of prompts with exactly the same best answer (or best ones), ``chance`` what it would be
    if each asking named one at random; equal answers are one. ``prompts`` have different answers, were asked about
    twice and wholly ranked both times.
    """

    prompts: int
    tau: Mean
    same_best: Share
    chance: float
    undefined: int = 0


def again(seen: Orders) -> Again | None:
    """Compare askings 0 and 1 of the same answers; None where nothing was asked about twice and ranked both times."""
    shown = seen.shown
    first, second = _twice(shown)
    if not len(first):
        return None
    one, other = (shown.of(places) for places in (first, second))
    found = taus(one.rank, other.rank)
    same = np.all(np.nan_to_num(best(one)) == np.nan_to_num(best(other)), axis=1).astype(float)
    chance = float(np.mean(1 / one.there.sum(axis=1)))
    return Again(len(first), mean(found, one.prompt), share(same, one.prompt), chance, int(np.isnan(found).sum()))


def _twice(seen: Orders) -> tuple[Codes, Codes]:
    """Return the places of the questions that were asked twice and wholly ranked both times, asking by asking."""
    whole = np.flatnonzero(seen.is_whole & (seen.there.sum(axis=1) > 1))
    by_asking = [whole[seen.asking[whole] == asking] for asking in (0, 1)]
    one, other = (seen.group[places] for places in by_asking)
    _, first, second = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    return by_asking[0][first], by_asking[1][second]
