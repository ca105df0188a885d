"""Does a judge prefer what is longer? That may be a taste for length, or longer answers may be better ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.judged.intervals import Mean, mean
from leaven.stats.judged.orders import Orders, taus
from leaven.stats.table import Floats


@dataclass(frozen=True)
class Lengths:
    """How ranks go with lengths within prompts. ``tau`` is Kendall's tau-b, above 0 where longer is ranked better.

    ``slope`` is how many places an answer gains that is twice as long: least squares within prompts.
    """

    tau: Mean
    slope: Mean


def lengths(seen: Orders) -> Lengths | None:
    """Return how a judge's first ranks go with the answers' lengths; None where no prompt can tell."""
    asked = seen.first
    tau = mean(taus(-asked.rank, asked.length), asked.prompt)
    return Lengths(tau, _slope(asked)) if tau.prompts else None


def _slope(asked: Orders) -> Mean:
    """Return the common slope within questions, with a t interval over prompts (Liang and Zeger 1986)."""
    from scipy import stats

    gain, length = (_centred(x, asked) for x in (-asked.rank, asked.length))
    across, squares = np.sum(gain * length, axis=1), np.sum(length**2, axis=1)
    prompts = np.unique(asked.prompt[squares > 0])
    n, whole = len(prompts), float(squares.sum())
    if not whole:
        return Mean(0, None, None, None)
    found = float(across.sum()) / whole
    if n < 3:
        return Mean(n, found, None, None)
    rest = np.bincount(asked.prompt, weights=across - found * squares)
    error = float(np.sqrt(n / (n - 1) * np.sum(rest**2))) / whole
    half = float(stats.t.ppf(0.975, n - 1)) * error
    return Mean(n, found, found - half, found + half) if error > 0 else Mean(n, found, None, None)


def _centred(values: Floats, asked: Orders) -> Floats:
    """Return values less their question's mean, 0 where rank or length is not known."""
    both = ~np.isnan(asked.rank) & ~np.isnan(asked.length)
    count = np.maximum(both.sum(axis=1, keepdims=True), 1)
    known = np.where(both, values, 0.0)
    return np.where(both, known - known.sum(axis=1, keepdims=True) / count, 0.0)
