"""Shares and means over prompts, with 95 % intervals that know that answers to one prompt are no independent ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.table import Codes, Floats

_NORMAL = 1.959964  # the 97.5 % point


@dataclass(frozen=True)
class Share:
    """How many of how many, over how many prompts; ``k`` has halves where ties count half. None of nothing."""

    k: float
    n: int
    prompts: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Mean:
    """A mean over prompts; ``prompts`` are those in which there was something to measure."""

    prompts: int
    value: float | None
    low: float | None
    high: float | None


def share(hits: Floats, prompts: Codes) -> Share:
    """Return the share of ``hits`` (0, 1 or a part, one a question) with a Wilson interval.

    Where prompts hold several questions, the interval rests on the effective number of questions: the one whose
    binomial variance is that between prompts (ratio estimator), never more than there are, and less by the t of
    so few prompts. Sources: Wilson (1927); Korn and Graubard (1998), "Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data"; Dean and Pagano (2015) find Wilson's form of it the
    one that holds its level.
    """
    from statsmodels.stats.proportion import proportion_confint

    n = len(hits)
    if not n:
        return Share(0.0, 0, 0, None, None, None)
    found = float(np.mean(hits))
    code, sizes = _clusters(prompts)
    effective = min(_effective(hits, code, sizes, found), float(n))
    low, high = proportion_confint(min(found, 1.0) * effective, effective, method="wilson")
    low, high = (0.0 if found == 0 else float(low)), (1.0 if found == 1 else float(high))  # but for rounding
    return Share(float(np.sum(hits)), n, len(sizes), found, low, high)


def _clusters(prompts: Codes) -> tuple[Codes, Floats]:
    _, code, sizes = np.unique(prompts, return_inverse=True, return_counts=True)
    return code, sizes.astype(float)


def _effective(hits: Floats, code: Codes, sizes: Floats, found: float) -> float:
    """Return how many independent questions would tell as much."""
    from scipy import stats

    n, clusters = float(len(hits)), len(sizes)
    if clusters == n:
        return n
    if clusters == 1:
        return 1.0
    apart = np.bincount(code, weights=hits - found, minlength=clusters)
    variance = clusters / (clusters - 1) * float(np.sum(apart**2)) / n**2
    told = found * (1 - found) / variance if variance > 0 else float(clusters)
    return max(1.0, told * float(_NORMAL / stats.t.ppf(0.975, clusters - 1)) ** 2)


def mean(values: Floats, prompts: Codes, bounds: tuple[float, float] = (-1.0, 1.0)) -> Mean:
    """Return the mean over prompts of what each one's questions have on average, with a t interval; NaN is left out.

    An interval ends at the ``bounds`` of what is measured. Where all prompts agree there is no spread to judge it by:
    then it is Wilson's of so many prompts, laid between the bounds. One prompt has no interval.
    """
    from scipy import stats

    there = ~np.isnan(values)
    code, sizes = _clusters(prompts[there])
    n = len(sizes)
    if not n:
        return Mean(0, None, None, None)
    means = np.bincount(code, weights=values[there]) / sizes
    found = float(means.mean())
    if n == 1:
        return Mean(1, found, None, None)
    spread = float(means.std(ddof=1))
    if spread <= 1e-12:
        return Mean(n, found, *_all_alike(found, n, bounds))
    half = float(stats.t.ppf(0.975, n - 1) * spread / np.sqrt(n))
    return Mean(n, found, max(bounds[0], found - half), min(bounds[1], found + half))


def _all_alike(found: float, n: int, bounds: tuple[float, float]) -> tuple[float | None, float | None]:
    from statsmodels.stats.proportion import proportion_confint

    if not np.all(np.isfinite(bounds)):
        return None, None
    wide = bounds[1] - bounds[0]
    low, high = proportion_confint((found - bounds[0]) / wide * n, n, method="wilson")
    made = bounds[0] + wide * float(low), bounds[0] + wide * float(high)
    return max(bounds[0], made[0]), bounds[1] if found >= bounds[1] else made[1]
