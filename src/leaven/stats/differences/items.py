"""Two single models that answered greedily: tests over items alone, which say nothing about new trainings.

McNemar's mid-p is that of Fagerland, Lydersen and Laake (2013), "The McNemar test for binary matched-pairs data".
"""

from __future__ import annotations

import numpy as np

from leaven.comparison import ForTheseModels
from leaven.stats.effects import Contrast
from leaven.stats.table import Floats

DRAWS = 9_999  # of signs; all of them are tried where there are no more
_RESAMPLES = 2_000
_AT_ONCE = 2_000_000  # items that are drawn at a time, so that memory is capped
_BYTES_AT_ONCE = 100  # as many tables of sums as a processor's cache holds


def for_these_models(contrast: Contrast, *, greedy: bool, seed: int = 0) -> ForTheseModels:
    """Test a difference of two models over their items: McNemar's mid-p for outcomes of 0 and 1, else signs flipped.

    Only for one run an arm, one sample an item, and texts that were ``greedy`` (the table does not know): else all is
    null. An item that stands in several groups with different outcomes is averaged, one pair of shares and none of 0
    and 1: its sign is flipped as a whole, since what it did in each group is not independent. The interval is the
    2.5th to 97.5th percentile of the mean over resampled items, null where all differences are equal. ``seed`` is that
    of the drawn signs and items.
    """
    if not (greedy and contrast.single and contrast.n_seeds <= 1 and contrast.n_items):
        return ForTheseModels()
    apart = contrast.matrix[:, 0]
    low, high = _bootstrap(apart, seed) if np.ptp(apart) > 0 else (None, None)
    if contrast.bounds is not None and np.isin(contrast.values, (0.0, 1.0)).all():
        return ForTheseModels("McNemar, mid-p", _mcnemar(apart), low, high)
    return ForTheseModels("sign-flip", _sign_flip(apart, seed), low, high)


def _mcnemar(apart: Floats) -> float:
    """Return the two-sided p-value of coins for the discordant pairs, what is just as extreme counting half."""
    from scipy import stats

    discordant = int(np.count_nonzero(apart))
    if not discordant:
        return 1.0
    fewer = min(int(np.sum(apart > 0)), int(np.sum(apart < 0)))
    null = stats.binom(discordant, 0.5)
    if 2 * fewer == discordant:
        return float(1 - null.pmf(fewer) / 2)
    return float(2 * null.cdf(fewer) - null.pmf(fewer))


def _sign_flip(apart: Floats, seed: int) -> float:
    """Return the two-sided p-value of no effect, under which each difference could have had the other sign."""
    moved = apart[apart != 0]
    if 2.0 ** min(len(moved), 64) <= DRAWS:
        bits = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float(np.mean(_extreme((2.0 * bits - 1) @ moved, moved)))
    # Eight signs are one byte: its sum is looked up, an eighth of the additions (scipy's test takes 30 times as long).
    eights = np.pad(moved, (0, -len(moved) % 8)).reshape(-1, 8)
    signs = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1
    draw, flipped = np.random.default_rng(seed), np.zeros(DRAWS)
    for start in range(0, len(eights), _BYTES_AT_ONCE):
        sums = signs @ eights[start : start + _BYTES_AT_ONCE].T
        bytes_ = draw.integers(0, 256, (DRAWS, sums.shape[1]), dtype=np.uint8)
        flipped += sums[bytes_, np.arange(sums.shape[1])].sum(axis=1)
    return (1 + int(_extreme(flipped, moved).sum())) / (1 + DRAWS)


def _extreme(sums: Floats, moved: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say which sums are as far from 0 as the observed one; the slack is rounding."""
    slack = 1e-9 * float(np.abs(moved).sum())
    return np.asarray(np.abs(sums) >= abs(float(moved.sum())) - slack, dtype=np.bool_)


def _bootstrap(apart: Floats, seed: int) -> tuple[float, float]:
    from scipy import stats

    at_once = max(_AT_ONCE // len(apart), 1)
    found = stats.bootstrap(
        (apart,), np.mean, n_resamples=_RESAMPLES, batch=at_once, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = found.confidence_interval
    return float(low), float(high)
