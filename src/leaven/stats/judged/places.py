"""Does a judge prefer what stands first? Candidates stand in random order, so places say nothing of their worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaven.stats.judged.intervals import Mean, Share, mean, share
from leaven.stats.judged.orders import Orders, best, taus

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Places:
    """What standing at a place does, over all questions that were wholly ranked.

    ``tau`` is Kendall's tau-b of place and rank, over prompts: above 0, what stands earlier is ranked better; 0 without
    a bias. By place, from the first: ``mean_rank`` (1 is best), ``firsts``, the share of questions whose best stood
    there (ties share it), and ``chance``, what that share is without a bias: 1 of k answers.
    """

    questions: int
    tau: Mean
    mean_rank: Sequence[float]
    firsts: Sequence[Share]
    chance: Sequence[float]


@dataclass(frozen=True)
class Votes:
    """What a judge of pairs said: how often ``first`` of those votes that are no ``ties``; a half without a bias.

    ``same`` is the share of pairs for which it said the same of both answers when they had changed places; None where
    no pair was asked about twice.
    """

    votes: int
    first: Share
    ties: Share
    same: Share | None = None


def places(seen: Orders) -> Places | None:
    """Return what places do to ranks; None where no answers stood beside others."""
    shown = seen.shown
    stood = np.all(~np.isnan(shown.place) | ~shown.there, axis=1) & (shown.there.sum(axis=1) > 1)
    whole = shown.of(stood & shown.is_whole)
    n = len(whole.prompt)
    if not n:
        return None
    order = np.argsort(whole.place, axis=1)  # absent answers, NaN, stand last
    rank, part = (np.take_along_axis(x, order, axis=1) for x in (whole.rank, best(whole)))
    there = np.take_along_axis(whole.there, order, axis=1)
    sizes = there.sum(axis=1)
    columns = range(int(sizes.max()))
    here = [there[:, column] for column in columns]
    return Places(
        questions=n,
        tau=mean(taus(whole.place, whole.rank), whole.prompt),
        mean_rank=[float(rank[has, column].mean()) for column, has in zip(columns, here, strict=True)],
        firsts=[share(part[has, column], whole.prompt[has]) for column, has in zip(columns, here, strict=True)],
        chance=[float(np.mean(1 / sizes[has])) for has in here],
    )


def votes(table: pd.DataFrame, seen: Orders) -> Votes | None:
    """Return what a judge's votes say of places; ``seen`` are the same votes as `orders.of_votes` reads them."""
    said = seen.of(seen.is_whole)
    if not len(said.prompt):
        return None
    tied = said.rank[:, 0] == said.rank[:, 1]
    firsts = (said.rank[:, 0] < said.rank[:, 1]).astype(float)
    return Votes(
        votes=len(firsts),
        first=share(firsts[~tied], said.prompt[~tied]),
        ties=share(tied.astype(float), said.prompt),
        same=_same(table, seen),
    )


def _same(table: pd.DataFrame, seen: Orders) -> Share | None:
    """Return the share of pairs of which both askings say the same, whoever stood first."""
    preferred = np.sign(seen.rank[:, 1] - seen.rank[:, 0])  # 1: what stood first
    ways = np.where(table["first"].to_numpy() < table["second"].to_numpy(), preferred, -preferred)
    pair = np.sort(table[["first", "second"]].to_numpy(), axis=1)
    keyed = table.assign(_low=pair[:, 0], _high=pair[:, 1], _way=ways, _group=seen.group, _prompt=seen.prompt)
    keyed = keyed[seen.is_whole].drop_duplicates(["_group", "_low", "_high", "asking"])
    wide = keyed.pivot(index=["_prompt", "_group", "_low", "_high"], columns="asking", values="_way")
    if not {0, 1} <= set(wide.columns):
        return None
    both = wide[[0, 1]].dropna()
    same = np.asarray(both[0] == both[1], dtype=float)
    return share(same, both.index.get_level_values("_prompt").to_numpy()) if len(same) else None
