"""Run means on doses: least squares, or the logit line of outcomes between 0 and 1.

The logit line solves the equations of a binomial regression, which need only the mean to be right (quasi-likelihood:
Wedderburn 1974; for shares Papke and Wooldridge 1996), so any outcome between 0 and 1 will do. How sure it is cannot
be read off the binomial variance: see `leaven.stats.doses.line`.
"""

from __future__ import annotations

import numpy as np

from leaven.stats.table import Floats


def coefficients(design: Floats, means: Floats, weights: Floats, *, share: bool) -> Floats:
    """Return the coefficients (length: columns of ``design``) of the run means on the design (runs x columns).

    ``weights`` are the numbers of items. With ``share``, on the logit, with Firth's penalty (1993), which adds half
    an item per coefficient on either side, spread over all runs: estimates stay finite where a dose separates 0
    from 1 (Heinze and Schemper 2002), and are less biased where it does not. The columns must be independent.
    """
    if not share:
        root = np.sqrt(weights)
        return np.asarray(np.linalg.lstsq(design * root[:, None], means * root)[0], dtype=np.float64)
    from scipy import optimize

    # In an orthogonal basis of size 1 the steps of the search are of the size of logits, whatever the doses' unit.
    basis, back = np.linalg.qr(design)
    scale = np.sqrt(len(design))
    found = optimize.minimize(
        _loss, np.zeros(design.shape[1]), args=(basis * scale, means, weights),
        jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 1000},
    )  # fmt: skip
    return np.asarray(np.linalg.solve(back, found.x * scale), dtype=np.float64)


def likelihood(design: Floats, coefs: Floats, means: Floats, weights: Floats) -> Floats:
    """Return the penalised log-likelihood of the logit line, for many coefficients at once (``...`` x columns)."""
    logits = coefs @ design.T
    fit = np.sum(weights * (means * logits - np.logaddexp(0, logits)), axis=-1)
    size = np.linalg.slogdet(_information(design, logits, weights))[1]
    return np.asarray(fit + size / 2, dtype=np.float64)


def _information(design: Floats, logits: Floats, weights: Floats) -> Floats:
    from scipy.special import expit

    variance = weights * expit(logits) * expit(-logits)
    squares = design[:, :, None] * design[:, None, :]
    return np.asarray(np.tensordot(variance, squares, axes=1), dtype=np.float64)


def _loss(coefs: Floats, design: Floats, means: Floats, weights: Floats) -> tuple[float, Floats]:
    """Return minus the penalised log-likelihood, per item, and its gradient."""
    from scipy.special import expit

    total, logits = weights.sum(), design @ coefs
    loss = -float(likelihood(design, coefs, means, weights)) / total
    if not np.isfinite(loss):
        return np.inf, np.zeros_like(coefs)
    spread = np.linalg.solve(_information(design, logits, weights), design.T).T
    fitted, leverage = expit(logits), weights * expit(logits) * expit(-logits) * np.sum(design * spread, axis=1)
    slope = design.T @ (weights * (means - fitted) + leverage * (0.5 - fitted))
    return loss, -np.asarray(slope / total, dtype=np.float64)


def covariance(design: Floats, coefs: Floats, weights: Floats, *, share: bool) -> Floats:
    """Return the coefficients' covariance if items were independent; without ``share``, per unit of their variance."""
    logits = design @ coefs
    information = _information(design, logits, weights) if share else design.T @ (design * weights[:, None])
    return np.asarray(np.linalg.inv(information), dtype=np.float64)


def values(design: Floats, coefs: Floats, *, share: bool) -> Floats:
    """Return the fitted values (length: rows of ``design``), in the outcome's own unit."""
    from scipy.special import expit

    line = design @ coefs
    return np.asarray(expit(line) if share else line, dtype=np.float64)
