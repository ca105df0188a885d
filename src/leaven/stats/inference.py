"""How sure: two-way (item x seed) variance components for the mean of a contrast.

The model is ``d[i, s] = effect + item[i] + seed[s] + rest[i, s]``, all three random: the interval speaks about new
items *and* new training runs. Sources: Satterthwaite (1946) for the degrees of freedom; Gao and Owen (2017),
"Efficient moment calculations for variance components in large unbalanced crossed random effects models", for
incomplete tables, where they equal the two-way analysis of variance when nothing is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leaven.stats.effects import Contrast
from leaven.stats.table import Floats

MIN_SEEDS = 3
LEVEL = 0.95
# An outcome of 0 or 1 whose arm has fewer odd items than this tells too little of its own variance (see `resolution`).
_FEW = 3
_LEAST_DF = 1.0  # effective seeds - 1: two runs with a few pairs beside a whole one are no three runs
# What the note of a raised variance says; the report writes it beside the interval.
RAISED = "nearly all outcomes are alike: the variance was raised to what the number of items allows to claim"
_NO_VARIANCE = 1e-10  # a standard error below this share of the largest difference is rounding


@dataclass(frozen=True)
class Components:
    """Contributions to the variance of the mean, each with its degrees of freedom.

    ``item``, ``seed`` and ``rest`` are mean squares divided by the number of pairs, so that item + seed - rest is
    the unbiased variance of the mean. A component is 0 with 0 degrees of freedom where the table cannot show it.
    """

    item: float
    seed: float
    rest: float
    df_item: float
    df_seed: float
    df_rest: float

    def variance(self) -> tuple[float, float]:
        """Return the variance of the mean and its degrees of freedom: the largest of three candidates.

        The unbiased sum (Satterthwaite's degrees of freedom) can be negative or smaller than what items or seeds
        alone show; then the larger of these two is taken, with its own degrees of freedom. Chosen by simulation.
        """
        total = self.item + self.seed - self.rest
        if total < max(self.item, self.seed):
            return (self.item, self.df_item) if self.item >= self.seed else (self.seed, self.df_seed)
        parts = ((self.item, self.df_item), (self.seed, self.df_seed), (self.rest, self.df_rest))
        # By shares of the sum: the squares of an exploded metric's variances would not be numbers.
        spread = sum((part / total) ** 2 / df for part, df in parts if df > 0) if total > 0 else 0.0
        return total, (1 / spread if spread > 0 else 1.0)


@dataclass(frozen=True)
class Estimate:
    """An effect with what is known of its error; ``variance`` is None where no honest interval exists.

    ``variance`` is that of the effect, ``df`` goes with it. ``floor`` is the least variance that the items' number
    allows to claim. ``bounds`` clip every interval. ``test`` names how ``p`` was made. ``scope`` is whom the interval
    speaks of: "recipe" (new trainings), "models" (these alone: nobody trained), or None: there is no interval.
    ``of_runs`` is the variance that the runs' own means show, and its degrees of freedom; None without runs.
    """

    effect: float | None
    variance: float | None
    df: float
    floor: float
    bounds: tuple[float, float] | None
    test: str
    notes: tuple[str, ...] = ()
    scope: str | None = None
    of_runs: tuple[float, float] | None = None
    of_one_item: bool = False

    @property
    def p(self) -> float | None:
        """The two-sided p-value of no effect: the larger of the two-way t's and of the t over runs.

        At three seeds the two-way t's small p-values are too small where runs vary (0.006 comes up in 3 % of null
        contrasts), and these are what a correction for many tests looks at. The t over runs holds its level there.
        """
        from scipy import stats

        if self.effect is None or self.variance is None:
            return None
        if self.variance == 0:
            return 1.0  # only where every difference is 0 and unbounded: `estimate` leaves no other variance at 0
        judged = [(self.variance, self.df), *([self.of_runs] if self.of_runs and self.of_runs[0] > 0 else [])]
        p = max(float(2 * stats.t.sf(abs(self.effect) / np.sqrt(variance), df)) for variance, df in judged)
        return max(p, float(np.finfo(float).tiny))  # a p-value that underflows is small, not 0

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Return the interval of a level, clipped to what the outcome can be, or None (also where nothing varied)."""
        return self._around(self.variance, level) if self.variance else None

    def within(self, margin: float) -> bool | None:
        """Say whether two one-sided 5 % tests show an effect within +-margin (the 90 % interval lies inside).

        Uses the floor even where every difference is 0: a few items that never differ do not show "no change". None
        where there is no such interval.
        """
        between = self.equivalence_interval()
        return None if between is None else bool(-margin < between[0] and between[1] < margin)

    def equivalence_interval(self) -> tuple[float, float] | None:
        """Return the 90 % interval that `within` holds against the margin: never narrower than the floor allows.

        None of one item, which is no sample of items, and where nothing varied in an outcome without bounds.
        """
        return self._around(max(self.variance or 0.0, self.floor), 0.90) if self.can_be_small else None

    @property
    def can_be_small(self) -> bool:
        """Whether there is anything by which to show that an effect is small."""
        return self.variance is not None and not self.of_one_item and max(self.variance, self.floor) > 0

    def _around(self, variance: float, level: float) -> tuple[float, float]:
        from scipy import stats

        assert self.effect is not None
        half = float(stats.t.ppf((1 + level) / 2, self.df) * np.sqrt(variance))
        low, high = self.effect - half, self.effect + half
        return (max(low, self.bounds[0]), min(high, self.bounds[1])) if self.bounds else (low, high)


def estimate(contrast: Contrast) -> Estimate:
    """Return a contrast's effect with its recipe-level error (item-level "for these models" without trained arms).

    Fewer than three seeds, a single item of an untrained pair, or a table too sparse give no variance and a note.
    """
    refusal = _refusal(contrast)
    found = None if refusal else components(contrast.matrix)
    refusal = refusal or _sparse(contrast, found)
    if found is None or refusal:
        return Estimate(contrast.effect, None, 1.0, 0.0, contrast.bounds, "no test", (refusal or "",))
    variance, df = found.variance()
    known = Estimate(
        effect=contrast.effect,
        variance=variance,
        df=max(df, 1.0),
        floor=resolution(contrast),
        bounds=contrast.bounds,
        test=_test(contrast),
        notes=_limits(contrast),
        scope="recipe" if contrast.n_seeds else "models",
        of_runs=(found.seed, found.df_seed) if contrast.n_seeds else None,
        of_one_item=contrast.n_items == 1,
    )
    return _judged(contrast, known)


def _sparse(contrast: Contrast, found: Components | None) -> str | None:
    """Say why what was scored is no sample of training runs, if so."""
    if found is None:
        return "too few items were scored under more than one seed: no interval"
    if contrast.n_seeds and contrast.n_items > 1 and found.df_seed < _LEAST_DF:
        return "nearly all pairs are of one seed: that is no sample of training runs, so no interval"
    return None


def _judged(contrast: Contrast, known: Estimate) -> Estimate:
    """Return an estimate whose variance is no smaller than the outcome and the number of items allow."""
    assert known.variance is not None
    largest = float(np.nanmax(np.abs(contrast.matrix)))
    if largest == 0:
        unsure = "" if known.floor else ": nothing varied, so how sure that is cannot be told"
        return _raised(contrast, replace(known, variance=0.0), f"every difference is exactly 0{unsure}")
    if np.sqrt(max(known.variance, 0.0)) <= _NO_VARIANCE * largest and known.floor == 0:
        alike = "the difference is the same in every item and seed: no variance to judge it by, so no interval"
        return Estimate(known.effect, None, 1.0, 0.0, known.bounds, "no test", (alike,))
    return _raised(contrast, known, RAISED) if known.variance < known.floor else known


def _raised(contrast: Contrast, known: Estimate, note: str) -> Estimate:
    """Return an estimate with the floor's variance; degrees of freedom lie between those of both parts.

    The more was added the more count the floor's own (`_of_floor`), where runs have fewer. A p-value of no effect stays
    one over runs: three runs that agree are three runs, however many items they agree on.
    """
    assert known.variance is not None
    df = runs = float(contrast.n_seeds - 1 if contrast.n_seeds else contrast.n_items - 1)
    if known.floor and contrast.n_items > 1:
        own = max(runs, min(_of_floor(contrast), contrast.n_items - 1))
        seen = known.variance / known.floor
        df = 1 / (seen / min(known.df, own) + (1 - seen) / own)
    of_runs = (known.floor, runs) if contrast.n_seeds else None
    return replace(known, variance=known.floor, df=df, of_runs=of_runs, notes=(*known.notes, note))


def _of_floor(contrast: Contrast) -> float:
    """Return the floor's degrees of freedom: 2 for each arm in it, 4 for a difference of two.

    The variance of outcomes of which k are odd is known to a relative variance of 1 / k, as a chi-square's with 2 k
    degrees of freedom is, and the floor is that of one odd item an arm; arms add as Satterthwaite's parts do. With
    items - 1 instead the interval held the truth in 85-93 % of studies (200 items, 2 % of them odd in an arm).
    """
    squares = contrast.weights[_alike(contrast)] ** 2
    return float(2 * np.sum(squares) ** 2 / np.sum(squares**2))


def _refusal(contrast: Contrast) -> str | None:
    """Say why no interval can be given, if so."""
    if not contrast.n_items:
        return "no item was scored in every arm under a common seed"
    if contrast.n_seeds == 1:
        return "one seed: no interval, and no winner is named"
    if contrast.n_seeds == 2:
        return "two seeds: no interval for the recipe, from three seeds on"
    if contrast.n_seeds == 0 and contrast.n_items == 1:
        return "one item and no training run: no interval"
    return None


def _test(contrast: Contrast) -> str:
    if contrast.n_seeds == 0:
        return "paired t over items, for these models"
    return "t over seeds, for this item" if contrast.n_items == 1 else "two-way t (items x seeds) and t over runs"


def _limits(contrast: Contrast) -> tuple[str, ...]:
    """Say what an interval does not cover."""
    if contrast.n_seeds == 0:
        return ("no training seed is known: new items are covered, new trainings are not",)
    return ("one item: new seeds are covered, new items are not",) if contrast.n_items == 1 else ()


def components(matrix: Floats) -> Components | None:
    """Return the variance components of an items x seeds table (NaN = missing), or None where it is too sparse.

    Of a single row or column only the other component is shown.
    """
    n_items, n_seeds = matrix.shape
    if n_items == 1 or n_seeds == 1:
        line = matrix[~np.isnan(matrix)]
        spread = float(np.var(line, ddof=1) / len(line))
        free = len(line) - 1.0
        return Components(0.0, spread, 0.0, 0.0, free, 0.0) if n_items == 1 else _items_only(spread, free)
    there = ~np.isnan(matrix)
    pairs, per_item, per_seed = int(there.sum()), there.sum(axis=1), there.sum(axis=0)
    within_items, within_seeds = pairs - n_items, pairs - n_seeds
    # The moments of Gao and Owen: each is an unbiased sum of squares; three equations for three components.
    filled = np.where(there, matrix - np.nanmean(matrix), 0.0)
    squares = float(np.sum(filled**2))
    at_items = squares - float(np.sum(filled.sum(axis=1) ** 2 / per_item))
    at_seeds = squares - float(np.sum(filled.sum(axis=0) ** 2 / per_seed))
    share_items, share_seeds = float(np.sum(per_item**2)) / pairs, float(np.sum(per_seed**2)) / pairs
    free = (pairs - share_items) + (pairs - share_seeds) - (pairs - 1)
    if min(within_items, within_seeds) <= 0 or free <= 0:
        return None
    seed_and_rest, item_and_rest = max(at_items, 0.0) / within_items, max(at_seeds, 0.0) / within_seeds
    crossed = (pairs - share_items) * item_and_rest + (pairs - share_seeds) * seed_and_rest - squares
    rest = max(crossed / free, 0.0)
    return Components(
        item=max((item_and_rest - rest) * share_items + rest, 0.0) / pairs,
        seed=max((seed_and_rest - rest) * share_seeds + rest, 0.0) / pairs,
        rest=rest / pairs,
        df_item=pairs / share_items - 1,
        df_seed=pairs / share_seeds - 1,
        df_rest=max(pairs - n_items - n_seeds + 1, 1),
    )


def _items_only(spread: float, free: float) -> Components:
    return Components(spread, 0.0, 0.0, free, 0.0, 0.0)


def resolution(contrast: Contrast) -> float:
    """Return the least variance that outcomes of 0 and 1 can claim for the contrast's mean; 0 for other outcomes.

    At a ceiling the observed variance is 0 or rests on one or two items. An arm in which fewer than three of the I
    items ever leave its bound contributes as if one item in I + 2 were odd, whatever the number of seeds, since an
    item may be odd in every run (the rule of succession; cf. Agresti and Caffo 2000). So does every arm where no
    difference was seen at all.
    """
    if contrast.bounds is None:
        return 0.0
    odd = 1 / (contrast.n_items + 2)
    return float(np.sum(contrast.weights[_alike(contrast)] ** 2) * odd * (1 - odd) / contrast.n_items)


def _alike(contrast: Contrast) -> NDArray[np.bool_]:
    """Return the arms in which fewer than three items ever leave a bound; all, where nothing was seen to differ."""
    never_zero = (np.nan_to_num(contrast.values, nan=0.0) > 0).any(axis=2).sum(axis=1)
    never_one = (np.nan_to_num(contrast.values, nan=1.0) < 1).any(axis=2).sum(axis=1)
    few = np.minimum(never_zero, never_one) < _FEW
    if not np.nan_to_num(contrast.matrix).any():
        few[:] = True  # nothing was seen to differ: every arm is alike to the other
    return np.asarray(few, dtype=np.bool_)
