"""What a design can find: the smallest detectable effect, the smallest p-value, the items or seeds a margin needs.

Power is that of the very test that compare makes: for a difference the two-way t (design.py), for a sweep the
permutation test of its trend (rise.py); for "no change" the two one-sided tests at 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaven.stats import inference
from leaven.stats.doses import dose
from leaven.stats.effects import Contrast
from leaven.stats.planning.design import ALPHA, POWER, detectable, items_needed, of_ratio, seeds_needed, smallest_margin
from leaven.stats.planning.rise import detectable_rise

SHARE, ITEM_SDS = "share", "item SDs"
# Two independent answers of the same rate differ with variance 2 rate (1 - rate): the most there is, at 50 %.
_SHARE_SD = 0.5**0.5
_RATIOS = (0.0, 0.5, 1.0)
_LASTING = 0.0  # independent answers are new in every run
_MANY_SEEDS = 10


@dataclass(frozen=True)
class Detectable:
    """The smallest true difference found with 80 % power at 5 % (see `power`), for one seed SD."""

    seed_sd: float  # in units of the item SE (item SD / sqrt(items)): 0, 0.5 and 1, or the pilot's own
    effect: float | None  # in ``Power.unit``; null: none (fewer than 3 seeds), or more than 100 points
    equivalence: float | None  # the smallest margin within which "no change" would be shown with 80 % power
    items_needed: int | None = None  # for the declared margin, at these seeds; null: no number suffices, or no margin
    seeds_needed: int | None = None  # for the declared margin, with these items
    rise: float | None = None  # the smallest even rise over a sweep's doses that the trend's test finds


@dataclass(frozen=True)
class Power:
    """What the planned design can find in one metric. ``spread`` says what the item SD rests on, in words."""

    suite: str
    metric: str
    n_items: int
    n_seeds: int
    n_doses: int  # 0 without a sweep
    item_sd: float
    unit: str  # "share", "score", ...; "item SDs" where the spread is unknown
    spread: str
    margin: float | None
    at: tuple[Detectable, ...]
    smallest_p: float | None  # of the permutation test of the trend; null without a sweep, or with one seed
    note: str | None = None
    power: float = POWER  # the chance of finding ``effect`` and ``rise``, and of showing ``equivalence``


@dataclass(frozen=True)
class Pilot:
    """The spread that an existing contrast shows, in the metric's unit; the terms are those of `design.Design`.

    ``seed_sd`` is None where the contrast has fewer than two runs: one run cannot show how runs differ.
    """

    item_sd: float
    lasting: float
    seed_sd: float | None
    n_items: int
    n_seeds: int


def pilot(contrast: Contrast) -> Pilot | None:
    """Return what a contrast says of the spread of its pairs; None without two items, or where nothing varies.

    Components that come out negative count as 0. A pilot of few seeds tells the seed SD only roughly.
    """
    found = inference.components(contrast.matrix) if contrast.n_items > 1 else None
    if found is None:
        return None
    seeds, pairs = contrast.matrix.shape[1], int(np.sum(~np.isnan(contrast.matrix)))
    rest, item = pairs * found.rest, pairs / seeds * max(found.item - found.rest, 0.0)
    if item + rest == 0:
        return None
    if contrast.n_seeds < 2:  # what lasts is unknown, as without a pilot
        return Pilot(item**0.5, _LASTING, None, contrast.n_items, contrast.n_seeds)
    between = pairs / contrast.n_items * max(found.seed - found.rest, 0.0)
    return Pilot((item + rest) ** 0.5, item / (item + rest), between**0.5, contrast.n_items, contrast.n_seeds)


def power(  # noqa: PLR0913 - what a plan declares of one metric
    suite: str,
    metric: str,
    *,
    n_items: int,
    n_seeds: int,
    doses: Sequence[float] = (),
    margin: float | None = None,
    unit: str = SHARE,
    pilot: Pilot | None = None,
    alpha: float = ALPHA,
    power: float = POWER,
    n_primary: int = 1,
) -> Power:
    """Return what a planned comparison of two arms, or a sweep over ``doses`` (the baseline's among them), can find.

    ``n_seeds`` is 0 where no arm is trained: the test is over items then. ``margin`` is in the metric's unit. Without
    ``pilot`` a share's items are assumed to differ as two independent answers do at a rate of 50 %, and any other
    unit's effects are given in item SDs. ``n_primary`` is how many p-values the primary family has: its test (the
    trend's with ``doses``, else the difference's) is held to alpha / n_primary, the worst case of Holm's correction.
    """
    spread = _spread(unit, pilot, n_items)
    held = margin if spread.unit == unit else None
    sharper = alpha / max(n_primary, 1)
    asked = _Asked(tuple(doses), held, alpha if doses else sharper, sharper, power)
    return Power(
        suite=suite,
        metric=metric,
        n_items=n_items,
        n_seeds=n_seeds,
        n_doses=len(doses),
        item_sd=spread.item_sd,
        unit=spread.unit,
        spread=spread.words,
        margin=margin,
        at=tuple(_at(ratio, n_items, n_seeds, spread, asked) for ratio in (spread.ratios if n_seeds else (0.0,))),
        smallest_p=dose.smallest_p(doses, n_seeds) if len(set(doses)) > 1 and n_seeds > 1 else None,
        note=_note(n_items, n_seeds, asked, n_primary=n_primary, is_margin_open=margin is not None and held is None),
        power=power,
    )


@dataclass(frozen=True)
class _Spread:
    """The item SD of a plan, what of it lasts, the seed SDs that are tried, and what this rests on."""

    item_sd: float
    lasting: float
    ratios: tuple[float, ...]
    unit: str
    words: str


@dataclass(frozen=True)
class _Asked:
    """What is asked of every seed SD; a sweep's trend has a level of its own."""

    doses: tuple[float, ...]
    margin: float | None
    alpha: float
    trend_alpha: float
    power: float


def _spread(unit: str, pilot: Pilot | None, n_items: int) -> _Spread:
    if pilot is not None:
        size = f"item SD {pilot.item_sd:.2g} in a pilot of {counted(pilot.n_items, 'item')}"
        size += f" and {counted(pilot.n_seeds, 'seed')}"
        if pilot.seed_sd is None:
            return _Spread(pilot.item_sd, pilot.lasting, _RATIOS, unit, size)
        rough = ", which tells the seed SD only roughly" if pilot.n_seeds < _MANY_SEEDS else ""
        ratio = pilot.seed_sd / (pilot.item_sd / max(n_items, 1) ** 0.5)
        return _Spread(pilot.item_sd, pilot.lasting, (ratio,), unit, size + rough)
    if unit == SHARE:
        words = "item SD 0.71 assumed: two independent answers at a rate of 50 %; at 10 % it would be 0.42"
        return _Spread(_SHARE_SD, _LASTING, _RATIOS, SHARE, words)
    return _Spread(1.0, _LASTING, _RATIOS, ITEM_SDS, "the spread of items is not known yet")


def _at(ratio: float, n_items: int, n_seeds: int, spread: _Spread, asked: _Asked) -> Detectable:
    design = of_ratio(spread.item_sd, ratio, n_items, n_seeds, spread.lasting)
    sizes = (spread.item_sd, ratio, n_items, n_seeds)
    effect = detectable(*sizes, lasting=spread.lasting, alpha=asked.alpha, power=asked.power)
    alike = smallest_margin(*sizes, lasting=spread.lasting, power=asked.power)
    rise = detectable_rise(design, asked.doses, alpha=asked.trend_alpha, power=asked.power)
    margin = asked.margin if n_items else None
    return Detectable(
        seed_sd=ratio,
        effect=_possible(effect, spread.unit),
        equivalence=_possible(alike, spread.unit),
        items_needed=None if margin is None else items_needed(margin, design, power=asked.power),
        seeds_needed=None if margin is None else seeds_needed(margin, design, power=asked.power),
        rise=_possible(rise, spread.unit),
    )


def _possible(effect: float | None, unit: str) -> float | None:
    """Return None for a share's change of more than 100 points."""
    return None if effect is None or (unit == SHARE and effect > 1) else effect


def _note(n_items: int, n_seeds: int, asked: _Asked, *, n_primary: int, is_margin_open: bool) -> str | None:
    """Say what is not tested, and what the numbers leave out."""
    reasons = [_refusal(n_items, n_seeds)]
    if len(set(asked.doses)) > 1:
        reasons.append(_trend_refusal(asked, n_seeds))
    if n_primary > 1:
        reasons.append(f"primary tests at their level / {n_primary}, the worst case of Holm's correction")
    if is_margin_open:
        reasons.append("only a pilot can tell what the margin needs")
    return "; ".join(filter(None, reasons)) or None


def _trend_refusal(asked: _Asked, n_seeds: int) -> str | None:
    if n_seeds < 2:
        return "a trend needs two seeds"
    least = dose.smallest_p(asked.doses, n_seeds)
    if least <= asked.trend_alpha:
        return None
    return f"{len(asked.doses)} doses and {n_seeds} seeds cannot give the trend a p-value below {least:.2g}"


def _refusal(n_items: int, n_seeds: int) -> str | None:
    if n_items == 0:
        return "without items nothing is tested"
    if n_seeds == 0:
        return "one item and no training run: no test" if n_items == 1 else "no arm is trained: for these models"
    if n_seeds < inference.MIN_SEEDS:
        return f"{counted(n_seeds, 'seed')}: no interval and no p-value for a difference, from three seeds on"
    return "one item: for this item" if n_items == 1 else None


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
