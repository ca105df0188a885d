"""Lines through run means against library and textbook."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from leaven.stats.doses import regression

DOSES = (0.0, 0.01, 0.1, 0.33, 1.0)


def test_logit_line_is_statsmodels_binomial_but_for_firths_half_item() -> None:
    import statsmodels.api as sm

    draw = np.random.default_rng(0)
    design = sm.add_constant(np.repeat(DOSES, 3))
    means, weights = expit(design @ [-2.0, 4.0] + 0.2 * draw.normal(size=15)), np.full(15, 1e7)
    theirs = sm.GLM(means, design, family=sm.families.Binomial(), freq_weights=weights).fit()
    assert regression.coefficients(design, means, weights, share=True) == pytest.approx(theirs.params, abs=1e-5)
    naive = regression.covariance(design, theirs.params, weights, share=True)
    assert naive == pytest.approx(theirs.cov_params(), rel=1e-6)


def test_firths_line_is_jeffreys_half_for_a_saturated_table() -> None:
    # With one coefficient per cell Firth's estimate is the logit of (hits + 1/2) / (items + 1).
    design, hits, items = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([0.0, 7.0]), np.array([10.0, 20.0])
    found = regression.coefficients(design, hits / items, items, share=True)
    assert expit(design @ found) == pytest.approx((hits + 0.5) / (items + 1), abs=1e-7)
