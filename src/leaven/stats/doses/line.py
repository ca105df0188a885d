"""A line through run means, and how sure each number read off it is, for the recipe.

Every number read off the line is, to first order, a weighted sum of the run means, so it is a contrast of arms, item
by item and seed by seed, and its variance is that of `inference.estimate`: new items and new trainings. This is the
two-way clustered sandwich of an estimating equation (Liang and Zeger 1986; Cameron, Gelbach and Miller 2011). Seeds
are the blocks: the doses of one seed share its data and its start, so they are no replicates of one another.

A straight line's intervals are t-intervals. A logit line's are likelihood intervals, with the likelihood's fall
scaled by that variance over the one of independent items (Rotnitzky and Jewell 1990; Chandler and Bate 2007), which
is the t-interval wherever the likelihood is a parabola.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leaven.stats import inference
from leaven.stats.doses import regression
from leaven.stats.doses.region import Region, region
from leaven.stats.effects import Contrast
from leaven.stats.table import Arm, Floats

_ROUNDING = 1e-12
_FEW = 3  # as in `inference.resolution`


@dataclass(frozen=True)
class Runs:
    """The runs of a sweep: ``values`` is arms x items x seeds, NaN for all arms alike; ``doses`` arms x seeds.

    ``share`` says that every value lies between 0 and 1, ``binary`` that each is an outcome of 0 or 1.
    """

    arms: tuple[Arm, ...]
    values: Floats
    doses: Floats
    share: bool
    binary: bool

    @cached_property
    def means(self) -> Floats:
        """The mean of every run (arms x seeds)."""
        return np.asarray(np.nanmean(self.values, axis=1), dtype=np.float64)

    @cached_property
    def weights(self) -> Floats:
        """The number of items in every run (arms x seeds)."""
        return np.asarray(np.sum(~np.isnan(self.values), axis=1), dtype=np.float64)

    @cached_property
    def reached(self) -> Floats:
        """The mean dose of every arm."""
        first = self.doses[:, :1]  # a mean of equal doses is that dose, to the last digit
        return np.asarray((first + (self.doses - first).mean(axis=1, keepdims=True))[:, 0], dtype=np.float64)

    @property
    def flat(self) -> bool:
        """Whether all runs have the same mean."""
        return bool(np.ptp(self.means) <= _ROUNDING * np.max(np.abs(self.means)))

    @cached_property
    def extreme(self) -> Floats:
        """1 for each arm of outcomes 0 and 1 in which fewer than three items ever leave 0 or 1, else 0."""
        odd = np.minimum((self.values > 0).any(axis=2).sum(axis=1), (self.values < 1).any(axis=2).sum(axis=1))
        return np.asarray((odd < _FEW) & self.binary, dtype=np.float64)


@dataclass(frozen=True)
class Read:
    """A number read off a line: its value at any coefficients (``...`` x 2), and its gradient at the fitted ones."""

    of: Callable[[Floats], Floats]
    gradient: Floats


@dataclass(frozen=True)
class Line:
    """``mean = f(coefs[0] + coefs[1] * dose)``, f the inverse logit for shares and nothing else otherwise."""

    runs: Runs
    coefs: Floats

    def slope(self) -> Read:
        """Return the slope per unit of dose, on the logit for shares."""
        return Read(lambda coefs: coefs[..., 1], np.array([0.0, 1.0]))

    def height(self, dose: float) -> Read:
        """Return the line's height at a dose, on the logit for shares."""
        at = np.array([1.0, dose])
        return Read(lambda coefs: coefs @ at, at)

    def change(self, dose: float, start: float) -> Read:
        """Return the change of the mean from one dose to another, in the outcome's own unit."""
        return Read(
            lambda coefs: self.outcome(coefs @ [1.0, dose]) - self.outcome(coefs @ [1.0, start]),
            self._gradient(dose) - self._gradient(start),
        )

    def outcome(self, height: Floats) -> Floats:
        """Return the outcome that a height of the line stands for."""
        from scipy.special import expit

        return np.asarray(expit(height) if self.runs.share else height, dtype=np.float64)

    def value(self, dose: float) -> float:
        """Return the fitted mean at a dose."""
        return float(self.outcome(self.coefs @ [1.0, dose]))

    def interval(self, read: Read, level: float = inference.LEVEL) -> tuple[float, float] | None:
        """Return the interval of a number read off the line, or None where nothing honest can be said."""
        effect = float(read.of(self.coefs))
        if not np.any(read.gradient):
            return (effect, effect) if self.runs.means.shape[1] >= inference.MIN_SEEDS else None
        known = self._estimate(effect, read.gradient)
        if not self.runs.share:
            return known.interval(level)
        fall = self._fall(known, read.gradient, level)
        if fall is None:
            return None
        reached = read.of(self._region.boundary(fall))
        return min(effect, float(reached.min())), max(effect, float(reached.max()))

    def miss(self, place: int) -> inference.Estimate:
        """Return by how much an arm's mean stands above the line, in the outcome's own unit."""
        own = np.zeros(len(self.runs.arms))
        own[place] = 1.0
        shares = self.runs.weights[place] / self.runs.weights[place].sum()
        pull = np.tensordot(shares, [self._gradient(dose) for dose in self.runs.doses[place]], axes=1)
        return self._estimate(float(np.nanmean(self._rests[place])), -pull, own)

    def notes(self) -> tuple[str, ...]:
        """Say what the intervals do not cover, what they rest on, or why there are none."""
        known = self._estimate(float(self.coefs[1]), self.slope().gradient)
        if known.variance is None and self.interval(self.slope()) is None:
            return known.notes
        odd = "some arms are at 0 or 1 in nearly every item: there the number of items sets how sure the curve is"
        return (*(known.notes if known.variance is not None else ()), *([odd] if self.runs.extreme.any() else []))

    def _fall(self, known: inference.Estimate, gradient: Floats, level: float) -> float | None:
        """Return by how much twice the log-likelihood may fall, or None without a variance to scale it by."""
        from scipy import stats

        if self.runs.means.shape[1] < inference.MIN_SEEDS:
            return None
        alone = float(gradient @ self._alone @ gradient)
        found = known.variance or 0.0
        fall = float(stats.t.ppf((1 + level) / 2, known.df)) ** 2 * found / alone
        # An arm near 0 or 1 tells little of its own variance: there an item may be odd in every run, so that the
        # items are the sample, however many the seeds (as in `inference.resolution`).
        odd = (
            float(np.sum(self._weights(gradient) ** 2 * self._binomial * self.runs.extreme)) * self.runs.doses.shape[1]
        )
        least = float(stats.norm.ppf((1 + level) / 2)) ** 2 * odd / alone
        return max(fall, least) or None

    @property
    def _design(self) -> Floats:
        return _design(self.runs.doses)

    def _gradient(self, dose: float) -> Floats:
        """Return how the fitted mean at a dose moves with the two coefficients."""
        at, value = np.array([1.0, dose]), self.value(dose)
        return at * value * (1 - value) if self.runs.share else at

    @cached_property
    def _alone(self) -> Floats:
        """The coefficients' covariance if items were independent."""
        return regression.covariance(self._design, self.coefs, self.runs.weights.ravel(), share=self.runs.share)

    @cached_property
    def _region(self) -> Region:
        return region(self._design, self.coefs, self.runs.means.ravel(), self.runs.weights.ravel())

    @cached_property
    def _fitted(self) -> Floats:
        return regression.values(self._design, self.coefs, share=self.runs.share).reshape(self.runs.doses.shape)

    @cached_property
    def _rests(self) -> Floats:
        return np.asarray(self.runs.values - self._fitted[:, None, :], dtype=np.float64)

    @cached_property
    def _binomial(self) -> Floats:
        """The variance of each arm's mean if items were independent (length: arms)."""
        fitted = np.average(self._fitted, axis=1, weights=self.runs.weights)
        return np.asarray(fitted * (1 - fitted) / self.runs.weights.sum(axis=1), dtype=np.float64)

    @cached_property
    def _pulls(self) -> Floats:
        """By how much the coefficients move per unit of each run's mean (2 x arms x seeds), to first order."""
        pulls = self._alone @ (self._design * self.runs.weights.ravel()[:, None]).T
        return pulls.reshape(2, *self.runs.doses.shape)

    def _weights(self, gradient: Floats) -> Floats:
        return np.asarray(np.tensordot(gradient, self._pulls.sum(axis=2), axes=1), dtype=np.float64)

    @cached_property
    def _moves(self) -> Floats:
        """What every pair adds to the coefficients' errors (2 x items x seeds); their mean is the whole error."""
        weights = self.runs.weights
        return np.asarray(np.einsum("pas,ais->pis", self._pulls / weights * weights[0].sum(), self._rests))

    def _estimate(self, effect: float, gradient: Floats, own: Floats | None = None) -> inference.Estimate:
        """Return an effect with the error of ``gradient @ coefficients``, and of ``own @ means of the arms``.

        Only with ``own`` the floor for outcomes of 0 and 1 is in it: it is one on the outcome's own scale.
        """
        weights, error = self._weights(gradient), np.tensordot(gradient, self._moves, axes=1)
        bounds = None
        if own is not None:
            weights, error = weights + own, error + np.tensordot(own, self._rests, axes=1)
            bounds = (-np.inf, np.inf) if self.runs.binary else None
        matrix = effect + error - np.nanmean(error)
        n_items, n_seeds = matrix.shape
        return inference.estimate(
            Contrast(self.runs.arms, weights, self.runs.values, matrix, n_items, n_seeds, 0, 0, bounds)
        )


def line(runs: Runs) -> Line:
    """Fit the line; at least two doses must differ, and the runs must not all have the same mean."""
    assert np.ptp(runs.doses) > 0
    assert not runs.flat
    design, means, weights = _design(runs.doses), runs.means.ravel(), runs.weights.ravel()
    return Line(runs, regression.coefficients(design, means, weights, share=runs.share))


def _design(doses: Floats) -> Floats:
    return np.stack([np.ones(doses.size), doses.ravel()], axis=1)
