"""Do several judges agree about the same answers? Kendall's tau between two, Krippendorff's alpha over all."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from leaven.stats.judged.intervals import Mean, Share, mean, share
from leaven.stats.judged.orders import Orders, best, orders, taus
from leaven.stats.table import Floats

if TYPE_CHECKING:
    import pandas as pd

_DRAWS = 1000  # bootstrap samples of prompts
_AT_ONCE = 50  # of them at a time
_FEWEST = 5  # prompts: with fewer a bootstrap over them says nothing


@dataclass(frozen=True)
class Pair:
    """Two judges of the same answers: Kendall's tau-b, prompt by prompt, and how often they name the same best one.

    A judge with several best ones names one of them by chance, so that ``same_best`` is 1 of k answers by chance alone.
    """

    one: str
    other: str
    tau: Mean
    same_best: Share


@dataclass(frozen=True)
class Between:
    """How judges agree. ``alpha`` is Krippendorff's, ordinal, over the answers that at least two of them ranked.

    1 is full agreement, 0 what chance gives; its interval is a bootstrap over prompts (95 %, percentiles). None where
    nothing tells it. ``chance`` is the share of same best answers that chance gives. Equal answers are one.
    """

    judges: Sequence[str]
    pairs: Sequence[Pair]
    alpha: float | None
    low: float | None
    high: float | None
    answers: int
    chance: float | None = None


def between(ranks: Mapping[str, pd.DataFrame], *, beside: Collection[str] = (), seed: int = 0) -> Between | None:
    """Compare judges by their first ranks (rows of the kind ``ranks``, by judge); None with fewer than two.

    ``run`` and ``same`` may be further columns, as in `orders.orders`.
    Judges ``beside`` (one that ranks by chance, say) are compared with the others, and are no part of alpha. ``seed``
    is that of the bootstrap.
    """
    if len(ranks) < 2:
        return None
    seen = _side_by_side(ranks)
    names = list(seen)
    pairs = [_pair(seen, one, other) for one, other in itertools.combinations(names, 2)]
    rank = np.stack([seen[name].rank for name in names if name not in beside] or [seen[names[0]].rank])
    rank = np.where(np.sum(~np.isnan(rank), axis=0) >= 2, rank, np.nan)  # an answer with one rank says nothing
    answers = int(np.any(~np.isnan(rank), axis=0).sum())
    alpha, low, high = _alpha(rank, next(iter(seen.values())), seed)
    sizes = next(iter(seen.values())).there.sum(axis=1)
    chance = float(np.mean(1 / sizes[sizes > 1])) if np.any(sizes > 1) else None
    return Between(names, pairs, alpha, low, high, answers, chance)


def _side_by_side(ranks: Mapping[str, pd.DataFrame]) -> dict[str, Orders]:
    """Return each judge's first ranks as matrices, prompts in the rows and their different answers in the columns."""
    import pandas as pd

    keys = ["run", "id", "sample"]
    first = {
        name: (frame if "run" in frame else frame.assign(run=0)).query("asking == 0") for name, frame in ranks.items()
    }
    every = pd.concat([frame[keys] for frame in first.values()]).drop_duplicates()
    made = {
        name: orders(every.merge(frame, on=keys, how="left", validate="one_to_one").assign(asking=0))
        for name, frame in first.items()
    }
    # Only one of two judges may tell which answers are equal, by their places.
    repeated = np.any([one.repeated for one in made.values()], axis=0)
    return {name: replace(one, repeated=repeated).shown for name, one in made.items()}


def _pair(seen: Mapping[str, Orders], one: str, other: str) -> Pair:
    first, second = seen[one], seen[other]
    named = np.nan_to_num(best(first)) * np.nan_to_num(best(second))
    both = first.is_whole & second.is_whole & (first.there.sum(axis=1) > 1)
    same, prompts = named.sum(axis=1), first.prompt
    return Pair(one, other, mean(taus(first.rank, second.rank), prompts), share(same[both], prompts[both]))


def _alpha(rank: Floats, of: Orders, seed: int) -> tuple[float | None, float | None, float | None]:
    """Return alpha over judges x prompts x answers, with a bootstrap interval over prompts."""
    values, by_group = coincidences(rank)
    whole = ordinal_alpha(by_group.sum(axis=0), values)
    if whole is None:
        return None, None, None
    code = np.unique(of.prompt, return_inverse=True)[1]
    n = int(code.max()) + 1
    counts = np.zeros((n, *by_group.shape[1:]))
    np.add.at(counts, code, by_group)
    counts = counts[counts.any(axis=(1, 2))]
    if len(counts) < _FEWEST:
        return whole, None, None
    drawn = _drawn(counts, values, np.random.default_rng(seed))
    if not len(drawn):
        return whole, None, None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return whole, float(low), float(high)


def _drawn(counts: Floats, values: Floats, random: np.random.Generator) -> Floats:
    """Return the alphas of samples of prompts, drawn with replacement; those that have none are left out."""
    n, flat, made = len(counts), counts.reshape(len(counts), -1), []
    for _ in range(0, _DRAWS, _AT_ONCE):
        often = random.multinomial(n, np.full(n, 1 / n), size=_AT_ONCE).astype(float)
        made += [ordinal_alpha(one.reshape(counts.shape[1:]), values) for one in often @ flat]
    return np.array([one for one in made if one is not None])


def coincidences(rank: Floats) -> tuple[Floats, Floats]:
    """Return the values that ranks have, and of each row how often two judges give two of them to one answer.

    ``rank`` is judges x rows x answers, NaN where there is no rank; an answer that m judges ranked counts m in all.
    """
    values, code = np.unique(rank[~np.isnan(rank)], return_inverse=True)
    judges, rows, _ = rank.shape
    codes = np.full(rank.shape, -1)
    codes[~np.isnan(rank)] = code
    many = np.sum(codes >= 0, axis=0)
    made = np.zeros((rows, len(values), len(values)))
    for one, other in itertools.permutations(range(judges), 2):
        row, column = np.nonzero((codes[one] >= 0) & (codes[other] >= 0))
        at = (row, codes[one][row, column], codes[other][row, column])
        np.add.at(made, at, 1 / (many[row, column] - 1))
    return values, made


def ordinal_alpha(counts: Floats, values: Floats) -> float | None:
    """Return Krippendorff's alpha for ordinal data, None where all values are one.

    ``counts`` is the coincidence matrix of the sorted ``values``. Source: Krippendorff (2011), "Computing
    Krippendorff's alpha-reliability".
    """
    assert counts.shape == (len(values), len(values)), "a row and a column for each value"
    of_each = counts.sum(axis=1)
    n = of_each.sum()
    upto = np.cumsum(of_each)
    place = np.arange(len(values))
    lower = np.minimum(place[:, None], place[None, :])
    # What lies from the lower value through the higher, both counted, less half of both.
    through = np.abs(upto[:, None] - upto[None, :]) + of_each[lower]
    apart = (through - (of_each[:, None] + of_each[None, :]) / 2) ** 2
    np.fill_diagonal(apart, 0.0)
    expected = float(np.sum(np.outer(of_each, of_each) * apart))
    if n <= 1 or expected <= 0:
        return None
    return float(1 - (n - 1) * np.sum(counts * apart) / expected)
