"""Sweeps of a dose, and the test of a trend: doses permuted over runs within seed.

A run is one number here, its mean over items: items shared by runs cannot pass for replicates. Under no effect of
the dose, the runs of one seed are exchangeable (Fisher's randomisation test, blocked by seed).
"""

from __future__ import annotations

import itertools
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from leaven.stats.table import Arm, Floats

DRAWS = 9_999
_ENUMERATED = 500_000  # up to so many orders all are tried: 4 doses by 4 seeds, 5 doses by 2
_MOST_DOSES = 8  # the orders within one seed are listed up to here
_ALPHA = 0.05

WITHOUT_RUNS = "the untrained baseline is not part of the trend: it has no run to permute"


@dataclass(frozen=True)
class Sweep:
    """The arms of one dose-response, the baseline with its own dose among them; ``note`` says who is left out."""

    name: str
    doses: dict[str, float]
    baseline: str
    note: str | None = None


@dataclass(frozen=True)
class Trend:
    """A p-value of no trend, or None with the reason."""

    p: float | None
    test: str
    note: str | None = None
    rises: bool | None = None  # which way the order of the doses goes; None where it goes none


def sweeps(arms: Sequence[Arm], *, to: str | Mapping[str, str], dose: str) -> list[Sweep]:
    """Return one sweep per series of arms with at least two doses besides the baseline's, sorted by name.

    ``to`` is one baseline for all series, or arm -> its own: the baseline of a series is then that of its arms.
    A series is what is equal in an arm's name but for the dose: ``poisoned@p=0.1,lr=1`` belongs to ``poisoned@lr=1``.
    Arms without a dose belong to none. Untrained arms neither: there is no run to permute, and training itself would
    be confounded with the dose.
    """
    against = {arm.name: to for arm in arms if arm.name != to} if isinstance(to, str) else to
    series: dict[tuple[str, str], dict[str, float]] = {}
    for arm in arms:
        if arm.trained and arm.dose is not None and arm.name in against:
            series.setdefault((series_of(arm.name, dose), against[arm.name]), {})[arm.name] = arm.dose
    return [
        _sweep(name or _stem(list(doses)) or dose, doses, baseline, arms)
        for (name, baseline), doses in sorted(series.items())
        if len(set(doses.values())) >= 2
    ]


def _sweep(name: str, doses: dict[str, float], baseline: str, arms: Sequence[Arm]) -> Sweep:
    own, note = _baseline_dose(next((arm for arm in arms if arm.name == baseline), None))
    return Sweep(name, {**own, **doses}, baseline, note)


def series_of(name: str, dose: str) -> str:
    """Return what is left of an arm's name without its dose; empty for a name without ``@``: these make one series."""
    stem, at, parts = name.partition("@")
    others = [part for part in parts.split(",") if not part.startswith(f"{dose}=")]
    return "@".join([stem, *filter(None, [",".join(others)])]) if at else ""


def _stem(names: list[str]) -> str:
    """Return what names without ``@`` have in common: p01 and p33 are both p."""
    return os.path.commonprefix(names).rstrip("@=._- ")  # noqa: RUF071 - characters are meant, not folders


def _baseline_dose(baseline: Arm | None) -> tuple[dict[str, float], str | None]:
    if baseline is None:
        return {}, "the baseline was not measured"
    if baseline.dose is None:
        return {}, "the baseline has no dose and is not part of the trend"
    if not baseline.trained:
        return {}, WITHOUT_RUNS
    return {baseline.name: baseline.dose}, None


def smallest_p(doses: Sequence[float], n_seeds: int) -> float:
    """Return the smallest two-sided p-value that this design can reach, whatever is observed."""
    ranks, orders = _ranks(doses), _orders(doses) ** n_seeds
    mirrored = bool(np.allclose(np.sort(ranks), -np.sort(ranks)[::-1]))  # then a falling trend is as extreme
    exact = (2 if mirrored and orders > 1 else 1) / orders
    return float(exact) if _is_enumerated(doses, n_seeds) else max(exact, 1 / (DRAWS + 1))


def trend(run_means: Floats, doses: Sequence[float], *, seed: int = 0) -> Trend:
    """Test for a trend of run means over doses; ``run_means`` is doses x seeds, complete.

    The statistic is the sum over seeds of (rank of dose, centred) x (run mean, centred within seed), so that only
    the doses' order counts. All orders are tried where they are few, else 9,999 are drawn with ``seed`` and
    p = (1 + as extreme) / (1 + drawn). Not offered for one seed, or where the smallest possible p exceeds 0.05.
    """
    n_seeds = run_means.shape[1]
    enumerated = _is_enumerated(doses, n_seeds)
    count = f"all {_orders(doses) ** n_seeds:,} orders" if enumerated else f"{DRAWS:,} draws"
    test = f"trend: doses permuted over runs within seed, {count}"
    if n_seeds <= 1:
        return Trend(None, "trend: not tested", "one seed: no trend is claimed")
    least = smallest_p(doses, n_seeds)
    if least > _ALPHA:
        reason = f"{len(doses)} doses and {n_seeds} seeds cannot give a p-value below {least:.2g}: not tested"
        return Trend(None, "trend: not tested", reason)
    ranks, centred = _ranks(doses), run_means - run_means.mean(axis=0)
    observed = float(np.sum(ranks[:, None] * centred))
    null = _enumerated(ranks, centred) if enumerated else _drawn(ranks, centred, seed)
    # Equal orders differ by rounding; without this slack the observed one might not count as its own equal.
    slack = 1e-9 * float(np.sum(np.abs(ranks)[:, None] * np.abs(centred)))
    extreme = int(np.sum(np.abs(null) >= abs(observed) - slack))
    p = extreme / len(null) if enumerated else (1 + extreme) / (1 + len(null))
    return Trend(p, test, rises=observed > 0 if abs(observed) > slack else None)


def _ranks(doses: Sequence[float]) -> Floats:
    """Return the centred ranks of the doses, ties averaged."""
    at = np.asarray(doses, dtype=float)
    ranks = np.array([np.mean(np.flatnonzero(np.sort(at) == one)) for one in at])
    return np.asarray(ranks - ranks.mean(), dtype=np.float64)


def _orders(doses: Sequence[float]) -> int:
    """Return in how many different ways the doses can be dealt to the runs of one seed."""
    return math.factorial(len(doses)) // math.prod(math.factorial(n) for n in Counter(doses).values())


def _is_enumerated(doses: Sequence[float], n_seeds: int) -> bool:
    return len(doses) <= _MOST_DOSES and _orders(doses) ** n_seeds <= _ENUMERATED


def _enumerated(ranks: Floats, centred: Floats) -> Floats:
    """Return the statistic of every order: all sums of one value per seed."""
    orders = np.array(sorted(set(itertools.permutations(ranks.tolist()))))
    per_seed = orders @ centred
    return reduce(lambda total, one: np.add.outer(total, one).ravel(), per_seed.T)


def _drawn(ranks: Floats, centred: Floats, seed: int) -> Floats:
    draw = np.random.default_rng(seed)
    shuffled = draw.permuted(np.broadcast_to(ranks, (DRAWS, centred.shape[1], len(ranks))), axis=2)
    return np.asarray(np.einsum("dsa,as->d", shuffled, centred), dtype=np.float64)
