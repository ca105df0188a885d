"""What place and length do to a whole ranking: a Plackett-Luce model, fitted by maximum likelihood.

A judge takes the best of all answers, then the best of what is left, and so on; an answer is taken with a chance in
proportion to ``exp(place x b_place + length x b_length)``. So it is the exploded logit of Beggs, Cardell and Hausman
(1981), or a Cox regression with a stratum for each question. The coefficients are common to all questions. There are
no strengths of single answers: each stands in one or two questions. What makes answers better or worse, and is in no
term, draws the coefficients towards 0, and never across it, as in any logit: candidates stand in random order, and so
the worth of an answer says nothing of its place (of its length it may).

Equal ranks share their denominators (Efron 1977). Errors are those of Lin and Wei (1989), summed over prompts, so that
two questions about the same answers do not count as two, and hold where the model is only roughly true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from leaven.stats.judged.orders import Orders
from leaven.stats.table import Codes, Floats

_SURE = 12.0  # log-odds for a standard deviation: beyond it the ranks follow what is measured without exception
_SPREAD = 1e-9  # a term that varies by less does not vary
_CLUSTERS = 10  # prompts for each term: with fewer the errors are worth nothing
TERMS = ("place", "length")


@dataclass(frozen=True)
class Term:
    """One coefficient: the change of the log-odds of being ranked above another for one place further back, or for an
    answer twice as long; with its standard error and 95 % interval, None where nothing tells them.
    """

    name: str
    value: float
    error: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Luce:
    """The fitted terms, those of ``TERMS`` that vary within questions; ``note`` says why some or all are absent."""

    questions: int
    prompts: int
    terms: Sequence[Term] = ()
    note: str = ""

    def term(self, name: str) -> Term | None:
        """Return a term by its name, None where it was not fitted."""
        return next((term for term in self.terms if term.name == name), None)


@dataclass(frozen=True)
class _Stages:
    """All choices of all questions: ``terms`` (questions x answers x terms, best first) and who was there to be taken.

    ``left[q, j, i]`` is the weight of answer i when the j-th of question q is taken: 1 while it is there, less within a
    tie (Efron), 0 once taken; ``taken`` says which j there are.
    """

    prompt: Codes
    terms: Floats
    left: Floats
    taken: Floats


def luce(seen: Orders) -> Luce | None:
    """Fit place and length to a judge's ranks, all askings together; None where no question was wholly ranked.

    Without places (answers that were asked about alone) only length is fitted, and the other way round.
    """
    shown = seen.shown
    whole = shown.of(shown.is_whole & (shown.there.sum(axis=1) > 1))
    known = {"place": whole.place, "length": whole.length}
    names = [name for name in TERMS if _varies(known[name], whole)]
    about = Luce(len(whole.prompt), len(np.unique(whole.prompt)))
    if not names:
        return replace(about, note="neither place nor length varies within questions") if about.questions else None
    made, scale = _stages(whole, [known[name] for name in names])
    found = _fitted(made)
    if found is None:
        return replace(about, note="the ranks follow place or length without exception: no finite fit")
    values, errors = found
    enough = about.prompts >= _CLUSTERS * len(names)
    terms = [
        _term(name, value, error if enough else None, about.prompts)
        for name, value, error in zip(names, values / scale, errors / scale, strict=True)
    ]
    return replace(about, terms=terms, note="" if enough else "too few prompts for standard errors")


def _varies(values: Floats, whole: Orders) -> bool:
    """Say whether a term is known of every answer, and differs within some question."""
    if not len(values) or np.any(np.isnan(values) & whole.there):
        return False
    spread = np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    return bool(np.any(spread > _SPREAD))


def _term(name: str, value: float, error: float | None, prompts: int) -> Term:
    from scipy import stats

    if error is None:
        return Term(name, float(value))
    half = float(stats.t.ppf(0.975, prompts - 1)) * float(error)
    return Term(name, float(value), float(error), float(value) - half, float(value) + half)


def _stages(whole: Orders, known: Sequence[Floats]) -> tuple[_Stages, Floats]:
    """Sort each question's answers by rank, centre and scale its terms, and say who is there at each choice."""
    order = np.argsort(np.where(whole.there, whole.rank, np.inf), axis=1, kind="stable")
    there = np.take_along_axis(whole.there, order, axis=1)
    rank = np.where(there, np.take_along_axis(whole.rank, order, axis=1), np.inf)
    terms = np.stack([np.take_along_axis(values, order, axis=1) for values in known], axis=2)
    terms = np.where(there[:, :, None], terms - np.nanmean(terms, axis=1, keepdims=True), 0.0)
    scale = np.sqrt(np.sum(terms**2, axis=(0, 1)) / there.sum())
    return _Stages(whole.prompt, terms / scale, _left(rank, there), there.astype(float)), scale


def _left(rank: Floats, there: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    tied = (rank[:, :, None] == rank[:, None, :]) & there[:, None, :]
    behind = (rank[:, None, :] > rank[:, :, None]) & there[:, None, :]
    before = np.sum(np.tril(tied, -1), axis=2)  # of the same rank, taken before this one
    part = 1 - before / np.maximum(tied.sum(axis=2), 1)
    left: Floats = behind + tied * part[:, :, None]
    return left


def _fitted(made: _Stages) -> tuple[Floats, Floats] | None:
    """Return the coefficients and their errors in standard deviations; None where they run away."""
    from scipy import optimize

    n = float(made.taken.sum())
    found = optimize.minimize(
        lambda b: -_likelihood(made, b) / n,
        np.zeros(made.terms.shape[2]),
        jac=lambda b: -_slopes(made, b)[0].sum(axis=0) / n,
        hess=lambda b: _slopes(made, b)[1] / n,
        method="trust-exact",
        options={"gtol": 1e-8, "maxiter": 100},
    )
    if not np.all(np.isfinite(found.x)) or np.abs(found.x).max() > _SURE:
        return None
    slopes, information = _slopes(made, found.x)
    if np.linalg.cond(information) > 1e10:
        return None
    codes = np.unique(made.prompt, return_inverse=True)[1]
    by_prompt = np.stack([np.bincount(codes, weights=column) for column in slopes.T], axis=1)
    clusters = len(by_prompt)
    inverse = np.linalg.inv(information)
    spread = inverse @ (by_prompt.T @ by_prompt) @ inverse * clusters / max(1, clusters - 1)
    return found.x, np.sqrt(np.diag(spread))


def _chances(made: _Stages, b: Floats) -> tuple[Floats, Floats]:
    """Return each answer's utility, and its chance at each choice."""
    utility = made.terms @ b
    worth = np.exp(utility - utility.max(axis=1, keepdims=True))
    weighed = made.left * worth[:, None, :]
    whole = weighed.sum(axis=2, keepdims=True)
    return utility, np.divide(weighed, whole, out=np.zeros_like(weighed), where=whole > 0)


def _likelihood(made: _Stages, b: Floats) -> float:
    utility = made.terms @ b
    top = utility.max(axis=1, keepdims=True)
    whole = np.sum(made.left * np.exp(utility - top)[:, None, :], axis=2)
    logs = np.log(np.where(whole > 0, whole, 1.0)) + top
    return float(np.sum(made.taken * (utility - logs)))


def _slopes(made: _Stages, b: Floats) -> tuple[Floats, Floats]:
    """Return each question's slope of the log-likelihood, and the information of all."""
    _, chance = _chances(made, b)
    expected = np.einsum("qji,qit->qjt", chance, made.terms)
    slopes = np.einsum("qj,qjt->qt", made.taken, made.terms - expected)
    squares = np.einsum("qj,qji,qit,qiu->tu", made.taken, chance, made.terms, made.terms, optimize=True)
    information = squares - np.einsum("qj,qjt,qju->tu", made.taken, expected, expected, optimize=True)
    return slopes, information
