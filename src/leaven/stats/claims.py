"""Claims that were written down before the results: supported, refuted, or undecided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leaven.stats import effects, families, inference, table
from leaven.stats.groups import heterogeneity
from leaven.stats.table import Column, Cube

_ALPHA = 0.05
_LEAST_P = float(np.finfo(float).tiny)  # a p-value that underflows is small, not 0


@dataclass(frozen=True)
class Claim:
    """A sentence with its contrast. ``holds`` is what it says of arm minus baseline: "higher" or "lower" (by more than
    ``margin``, which may be 0), "same" (within ``margin``), "not higher" or "not lower" (by no more than ``margin``),
    "unequal" (it differs between groups).

    ``to`` is null for the arm's own baseline; ``metric`` may be ``suite/metric``; ``group`` null: all items.
    """

    says: str
    arm: str
    metric: str
    holds: str
    margin: float = 0.0
    to: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the data say of a claim: ``verdict`` is "supported", "refuted" or "undecided".

    ``p`` is that of the one-sided test (two of them for "same") which the verdict rests on, ``p_holm`` after Holm's
    correction over all claims. ``effect``, ``low90``, ``high90`` are of the contrast. ``locked`` is False for a claim
    that was not in the compare block when it was hashed: such a claim is exploratory, whatever it says.
    """

    claim: Claim
    verdict: str
    effect: float | None
    low90: float | None
    high90: float | None
    p: float | None
    p_holm: float | None
    n_items: int = 0
    n_seeds: int = 0
    locked: bool = True
    note: str | None = None


@dataclass(frozen=True)
class _Weighed:
    """A claim's contrast and its two p-values: of what supports it, and of what refutes it; None where none exists."""

    claim: Claim
    known: inference.Estimate | None = None
    supports: float | None = None
    refutes: float | None = None
    n_items: int = 0
    n_seeds: int = 0
    note: str | None = None


def judge(
    claims: Sequence[Claim],
    cubes: Mapping[Column, Cube],
    to: Mapping[str, str],
    *,
    locked: Collection[Claim] | None = None,
    members: Mapping[Column, Mapping[str, heterogeneity.Bools]] | None = None,
    seed: int = 0,
) -> list[Verdict]:
    """Judge each claim by one-sided t tests of its contrast (``inference.estimate``), in the order of the claims.

    With d the arm minus what it is compared with (``to`` gives each arm's baseline), and m the claim's margin:

    ============  =====================  ======================================================
    says          supported: shown       refuted: shown
    ============  =====================  ======================================================
    higher        d > m                  d < m: not higher by more than m
    lower         d < -m                 d > -m
    not higher    d < m                  d > m
    not lower     d > -m                 d < -m
    same          -m < d < m (TOST)      d < -m or d > m: the interval lies outside the margin
    ============  =====================  ======================================================

    "Shown" is p < 0.05 after Holm's correction over all claims that could be tested, for the supporting and for the
    refuting p-values separately: 5 % of studies at most support a false claim, and as many refute a true one. That
    holds as far as the intervals do: with five claims at their margins' edges it was 1-6 %
    at 3, 5 and 10 seeds (``scripts/simulate_parts.py``). The refuting p of "same" is the chance of an
    estimate so far out, on either side, at the margin's edge. "unequal" is supported by the max-T test of that arm
    over groups (``heterogeneity``; ``members`` are theirs, ``seed`` that of its draws) and never refuted: groups that
    are not shown to differ are not shown to be alike. Fewer than three training seeds, a column or an arm
    that is not there: undecided, and the note says why. ``locked`` holds the claims that were hashed before results
    (None: nothing was locked); equal in every field, or it is another claim.
    """
    weighed = [
        _of_groups(claim, cubes, to, members or {}, seed) if claim.holds == "unequal" else _weighed(claim, cubes, to)
        for claim in claims
    ]
    supports = families.holm([one.supports for one in weighed])
    refutes = families.holm([one.refutes for one in weighed])
    return [
        _verdict(one, support, refute, is_locked=locked is not None and one.claim in locked)
        for one, support, refute in zip(weighed, supports, refutes, strict=True)
    ]


def _weighed(claim: Claim, cubes: Mapping[Column, Cube], to: Mapping[str, str]) -> _Weighed:
    found = _found(claim, cubes, to)
    if isinstance(found, _Weighed):
        return found
    return _tested(claim, effects.contrast(found[0], effects.difference(claim.arm, found[1])))


def _of_groups(
    claim: Claim,
    cubes: Mapping[Column, Cube],
    to: Mapping[str, str],
    members: Mapping[Column, Mapping[str, heterogeneity.Bools]],
    seed: int,
) -> _Weighed:
    """Weigh whether what an arm does differs between groups."""
    found = _found(claim, cubes, to)
    if isinstance(found, _Weighed):
        return found
    cube, against = found
    groups = members.get(cube.column, {})
    if len(groups) < 2:
        return _Weighed(claim, note=f"{claim.metric} was not measured in two groups")
    within = table.in_groups(cubes.values(), cube.column)
    test = heterogeneity.heterogeneity(cube, groups, {claim.arm: against}, within=within, seed=seed)
    pairs = effects.contrast(cube, effects.difference(claim.arm, against))
    return _Weighed(claim, None, test.p, None, test.n_items, pairs.n_seeds, test.note)


def _found(claim: Claim, cubes: Mapping[Column, Cube], to: Mapping[str, str]) -> tuple[Cube, str] | _Weighed:
    """Return the measured column and the arm that a claim compares with; else why it cannot be judged."""
    found = [cube for column, cube in sorted(cubes.items(), key=lambda pair: str(pair[0])) if _is_of(claim, column)]
    against = claim.to if claim.to is not None else to.get(claim.arm)
    where = f" in group '{claim.group}'" if claim.group is not None else ""
    if not found:
        return _Weighed(claim, note=f"{claim.metric} was not measured{where}")
    if len(found) > 1:
        names = ", ".join(f"{cube.column.suite}/{cube.column.metric}" for cube in found)
        return _Weighed(claim, note=f"{claim.metric} is measured more than once; say which: {names}")
    if against is None:
        return _Weighed(claim, note=f"{claim.arm} is compared with no arm, and the claim names none")
    absent = effects.lacking(found[0], [claim.arm, against])
    if absent:
        return _Weighed(claim, note=f"nothing was scored for {' and '.join(absent)}{where}")
    if against == claim.arm:
        return _Weighed(claim, note=f"{claim.arm} is compared with itself")
    return found[0], against


def _is_of(claim: Claim, column: Column) -> bool:
    return claim.group == column.group and claim.metric in families.names_of(column.suite, column.metric)


def _tested(claim: Claim, pairs: effects.Contrast) -> _Weighed:
    known = inference.estimate(pairs)
    note = "; ".join(known.notes) or None
    if known.of_one_item:
        note = "; ".join(filter(None, ["one item is no sample of items", note]))
    if known.effect is None or not known.can_be_small:
        return _Weighed(claim, known, n_items=pairs.n_items, n_seeds=pairs.n_seeds, note=note)
    supports, refutes = p_values(known, claim.holds, claim.margin)
    return _Weighed(claim, known, supports, refutes, pairs.n_items, pairs.n_seeds, note)


def p_values(known: inference.Estimate, holds: str, margin: float) -> tuple[float, float]:
    """Return the p-values that support and that refute what a claim says of an effect; see `judge`.

    ``known.can_be_small`` must hold. The variance counts as at least its floor: items that never differ show little.
    On which side of a bound an effect lies is judged over runs too, as `Estimate.p` is; that it lies between two bounds
    ("same"), by the 90 % interval alone, as equivalence is everywhere.
    """
    effect = known.effect
    assert effect is not None
    above, below = _shown(known, effect - margin), _shown(known, -margin - effect)
    not_above, not_below = _shown(known, margin - effect), _shown(known, effect + margin)
    between = max(_tail(known, margin - effect), _tail(known, effect + margin))
    outside = min(_shown(known, abs(effect) - margin) + _shown(known, abs(effect) + margin), 1.0)
    return {
        "higher": (above, not_above),
        "lower": (below, not_below),
        "not higher": (not_above, above),
        "not lower": (not_below, below),
        "same": (between, outside),
    }[holds]


def _shown(known: inference.Estimate, distance: float) -> float:
    """Return the one-sided p-value of an effect: the larger of the two-way t's and of the t over runs."""
    if known.of_runs is None or known.of_runs[0] <= 0:
        return _tail(known, distance)
    variance, df = known.of_runs
    return max(_tail(known, distance), _tail(replace(known, variance=variance, df=df), distance))


def _tail(known: inference.Estimate, distance: float) -> float:
    from scipy import stats

    assert known.variance is not None
    error = float(np.sqrt(max(known.variance, known.floor)))
    return max(float(stats.t.sf(distance / error, known.df)), _LEAST_P)


def _verdict(one: _Weighed, support: float | None, refute: float | None, *, is_locked: bool) -> Verdict:
    is_refuted = refute is not None and refute < _ALPHA
    verdict = "supported" if support is not None and support < _ALPHA else "refuted" if is_refuted else "undecided"
    low, high = (one.known.equivalence_interval() if one.known else None) or (None, None)
    return Verdict(
        claim=one.claim,
        verdict=verdict,
        effect=one.known.effect if one.known else None,
        low90=low,
        high90=high,
        p=one.refutes if verdict == "refuted" else one.supports,
        p_holm=refute if verdict == "refuted" else support,
        n_items=one.n_items,
        n_seeds=one.n_seeds,
        locked=is_locked,
        note=one.note,
    )
