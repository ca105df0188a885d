"""The region of logit lines against a profile likelihood by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from leaven.stats.doses import regression
from leaven.stats.doses.region import region

DOSES = np.array([0.0, 0.01, 0.1, 0.33, 1.0])
DESIGN = np.stack([np.ones(5), DOSES], axis=1)
WEIGHTS = np.full(5, 300.0)
CASES = {
    "amid": [0.12, 0.11, 0.17, 0.35, 0.88],
    "separated": [0.0, 0.0, 0.0, 0.0, 0.6],
    "rare": [0.0, 0.0, 0.01, 0.0, 0.02],
}


def fitted(case: str) -> tuple[np.ndarray, np.ndarray]:
    means = np.array(CASES[case])
    return means, regression.coefficients(DESIGN, means, WEIGHTS, share=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fall", [0.5, 3.84, 15.0])
def test_likelihood_has_fallen_by_as_much_on_the_boundary(case: str, fall: float) -> None:
    means, coefs = fitted(case)
    edge = region(DESIGN, coefs, means, WEIGHTS).boundary(fall)
    best = regression.likelihood(DESIGN, coefs, means, WEIGHTS)
    fallen = 2 * (best - regression.likelihood(DESIGN, edge, means, WEIGHTS))
    assert fallen == pytest.approx(np.full(len(edge), fall), rel=0.03)


@pytest.mark.parametrize("case", CASES)
def test_extremes_are_those_of_the_profile_likelihood(case: str) -> None:
    means, coefs = fitted(case)
    best = regression.likelihood(DESIGN, coefs, means, WEIGHTS)

    def beyond(slope: float) -> float:
        def loss(level: float) -> float:
            return -float(regression.likelihood(DESIGN, np.array([level, slope]), means, WEIGHTS))

        highest = -optimize.minimize_scalar(loss, bounds=(-25, 10), method="bounded").fun
        return 2 * (best - highest) - 3.84

    slopes = region(DESIGN, coefs, means, WEIGHTS).boundary(3.84)[:, 1]
    assert slopes.max() == pytest.approx(optimize.brentq(beyond, coefs[1], coefs[1] + 30), rel=0.02, abs=0.02)
    assert slopes.min() == pytest.approx(optimize.brentq(beyond, coefs[1] - 30, coefs[1]), rel=0.02, abs=0.02)


def test_region_does_not_depend_on_the_unit_of_the_dose() -> None:
    means, coefs = fitted("amid")
    tiny = DESIGN * [1.0, 1e-6]
    scaled = regression.coefficients(tiny, means, WEIGHTS, share=True)
    assert scaled * [1.0, 1e-6] == pytest.approx(coefs, rel=1e-6)
    slopes = region(tiny, scaled, means, WEIGHTS).boundary(3.84)[:, 1] * 1e-6
    assert slopes.max() == pytest.approx(region(DESIGN, coefs, means, WEIGHTS).boundary(3.84)[:, 1].max(), rel=1e-3)
