"""Which logit lines the data still allow: the region around the fitted one in which the likelihood falls little.

Near 0 and 1 the likelihood is lopsided, and an interval of plus and minus an error (Wald) is absurd there: in a
sweep that is at 0 % but for its highest dose it reaches from 0 to 1 at every dose. A region bounded by the
likelihood follows it. How far it may fall is for the caller to say (`leaven.stats.doses.line`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaven.stats.doses import regression
from leaven.stats.table import Floats

_DIRECTIONS = 180  # an ellipse's extremes are found to 0.02 % of their distance
_RADII = np.geomspace(1e-2, 1e4, 120)  # in standard errors of independent items


@dataclass(frozen=True)
class Region:
    """``rays`` (directions x radii x 2) are coefficients, ``falls`` the root of twice the likelihood's fall there."""

    centre: Floats
    rays: Floats
    falls: Floats

    def boundary(self, fall: float) -> Floats:
        """Return the coefficients (directions x 2) at which twice the log-likelihood has fallen by ``fall``."""
        # Roots, because they are straight where the likelihood is a parabola: so little is lost between two radii.
        root, every = np.sqrt(fall), np.arange(len(self.falls))
        after = np.clip(np.sum(self.falls <= root, axis=1), 1, self.falls.shape[1] - 1)
        low, high = self.falls[every, after - 1], self.falls[every, after]
        part = np.clip((root - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        radius = _REACH[after - 1] + part * (_REACH[after] - _REACH[after - 1])
        return np.asarray(self.centre + radius[:, None] * self.rays, dtype=np.float64)


_REACH = np.concatenate([[0.0], _RADII])


def region(design: Floats, coefs: Floats, means: Floats, weights: Floats) -> Region:
    """Measure the likelihood around fitted coefficients of a line (two columns)."""
    angles = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rays = circle @ np.linalg.cholesky(regression.covariance(design, coefs, weights, share=True)).T
    around = coefs + _RADII[None, :, None] * rays[:, None, :]
    best = regression.likelihood(design, coefs, means, weights)
    falls = np.sqrt(np.maximum(2 * (best - regression.likelihood(design, around, means, weights)), 0.0))
    falls = np.maximum.accumulate(np.pad(falls, ((0, 0), (1, 0))), axis=1)
    return Region(coefs, rays, np.asarray(falls, dtype=np.float64))
