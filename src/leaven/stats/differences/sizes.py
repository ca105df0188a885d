"""How large: ratio, odds ratio, shift and probability of superiority beside a difference, each with its doubt.

Each is linear in what an item under a seed adds to it (its influence, the delta method). The influences make a table
of items by seeds like the differences themselves, so one rule judges all: `inference.estimate`, which speaks about new
items and new training runs.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from leaven.comparison import Sizes
from leaven.stats import inference
from leaven.stats.differences import walsh
from leaven.stats.differences.placements import placements
from leaven.stats.effects import Contrast
from leaven.stats.inference import Estimate
from leaven.stats.table import Floats

_Bounded = tuple[float | None, float | None, float | None]  # a size and its interval
_Counts = tuple[int | None, int | None, int | None, int | None]
_NOTHING: _Bounded = (None, None, None)
_NO_COUNTS: _Counts = (None, None, None, None)
_ROUNDING = 1e-12  # shares of items closer than this are equal
_LARGEST_LOG = 300.0  # beyond it a ratio's bound is no number a reader could use, and soon none a float could hold


def sizes(contrast: Contrast, known: Estimate) -> Sizes:
    """Return the further sizes of a difference of two arms, weighted +1 and -1, as `effects.difference` gives it.

    ``known`` is the contrast's own estimate: where it has no interval, no size has one. Counts, ratio and odds ratio
    are of outcomes of 0 and 1 (counts only where every pair is 0 or 1 itself, not a mean of samples); the shift is of
    other outcomes. The odds ratio is that of the arms' means. With an empty cell there is no interval (`_quotient` says
    why): a ratio is 0 where the arm has no hit, and null where the baseline has none. An untrained arm's items are
    counted once.
    """
    assert contrast.weights.tolist() == [1.0, -1.0], "sizes are those of a difference of two arms"
    if not contrast.n_items:
        return Sizes()
    counts = _counts(contrast)
    binary = contrast.bounds is not None
    above = _superiority(contrast) if counts == _NO_COUNTS else _from_shares(known)
    found: list[_Bounded] = [
        _ratio(contrast) if binary else _NOTHING,
        _odds(contrast) if binary else _NOTHING,
        _NOTHING if binary else _shift(contrast),
        above,
    ]
    if known.variance is None:
        found = [(point, None, None) for point, _, _ in found]
    ratio, odds, shift, above = found
    return Sizes(*counts, *ratio, *odds, *shift, *above)


def _counts(contrast: Contrast) -> _Counts:
    """Return hits and trials of the arm and of the baseline, nulls where a pair is not 0 or 1."""
    scored = ~np.isnan(contrast.matrix)
    if contrast.bounds is None or not np.isin(contrast.values[:, scored], (0.0, 1.0)).all():
        return _NO_COUNTS
    hits, trials = [], []
    for arm, values in zip(contrast.arms, contrast.values, strict=True):
        once = values if arm.trained else np.nanmax(values, axis=1)
        hits.append(int(np.nansum(once)))
        trials.append(int(np.sum(~np.isnan(once))))
    return hits[0], trials[0], hits[1], trials[1]


def _ratio(contrast: Contrast) -> _Bounded:
    """Return the ratio of the arms' means; log(a / b) moves by da / a - db / b."""
    arm, baseline = map(float, contrast.means())
    return _quotient(contrast, arm, baseline, (arm, baseline))


def _odds(contrast: Contrast) -> _Bounded:
    """Return the odds ratio of the arms' means; logit(a) moves by da / (a (1 - a))."""
    arm, baseline = map(float, contrast.means())
    steepness = arm * (1 - arm), baseline * (1 - baseline)
    return _quotient(contrast, arm * (1 - baseline), baseline * (1 - arm), steepness)


def _quotient(contrast: Contrast, above: float, below: float, per: tuple[float, float]) -> _Bounded:
    """Return above / below, with the interval of its logarithm, which is linear in the arms by ``1 / per``.

    At 0 there is none. The score intervals that hold there (Koopman 1984; Miettinen and Nurminen 1985) are for two
    independent samples of independent trials, and here arms share items, and an item's runs are alike: where 2 % of 100
    items hit in all of 3 runs, and 10 % of the baseline's, no hit comes up in 13 % of studies, and theirs, of 0 of 300
    against 30, ends at a ratio of 0.13, below the true 0.20. Scores of pairs (Tang, Tang and Chan 2003) know no runs:
    what another training would do cannot be seen in runs without a hit.
    """
    if below == 0:
        return _NOTHING
    if above == 0:
        return 0.0, None, None
    known = inference.estimate(contrast.reweighted((1 / per[0], -1 / per[1])))
    between = replace(known, effect=math.log(above / below), bounds=None).interval()
    if between is None or max(map(abs, between)) > _LARGEST_LOG:
        return above / below, None, None
    return above / below, math.exp(between[0]), math.exp(between[1])


def _shift(contrast: Contrast) -> _Bounded:
    """Return Hodges and Lehmann's shift of the items' differences, averaged over seeds.

    A seed moves the shift through every item: by its deviation there, times the slope of that item's influence.
    """
    items = np.nanmean(contrast.matrix, axis=1)
    centre = walsh.median(items)
    found = walsh.influence(items, centre)
    if found is None:
        return centre, None, None
    own, slope = found
    pairs = own[:, None] + slope[:, None] * (contrast.matrix - items[:, None])
    known = inference.estimate(replace(contrast, matrix=pairs, bounds=None))
    between = replace(known, effect=centre).interval()
    return (centre, *between) if between else (centre, None, None)


def _superiority(contrast: Contrast) -> _Bounded:
    """Return P(arm > baseline) + P(equal) / 2 between all values of a seed.

    A pair's influence is both its placements' (DeLong and others 1988), which keeps that they share item and run.
    """
    ranked = np.stack([_placed(*contrast.values), _placed(*contrast.values[::-1])])
    # Seen from 1/2, so that "every difference is 0" and the floor near the bounds hold here as they do there.
    pairs = ranked[0] - ranked[1] + 0.5 - np.nanmean(ranked[0], axis=0)
    pairs[np.abs(pairs) < _ROUNDING] = 0.0
    return _around_half(inference.estimate(replace(contrast, values=ranked, matrix=pairs, bounds=(-0.5, 0.5))), 1.0)


def _placed(values: Floats, others: Floats) -> Floats:
    """Return each value's placement among the other arm's values of its seed."""
    placed = np.full(values.shape, np.nan)
    for seed in range(values.shape[1]):
        scored = ~np.isnan(values[:, seed])
        placed[scored, seed] = placements(values[scored, seed], others[scored, seed])
    return placed


def _from_shares(known: Estimate) -> _Bounded:
    """Return the probability of superiority of outcomes of 0 and 1: exactly 1/2 + half the difference of shares."""
    return _around_half(known, 0.5)


def _around_half(known: Estimate, scale: float) -> _Bounded:
    assert known.effect is not None
    between = known.interval()
    point = 0.5 + scale * known.effect
    return (point, 0.5 + scale * between[0], 0.5 + scale * between[1]) if between else (point, None, None)
