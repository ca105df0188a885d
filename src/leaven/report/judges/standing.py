"""What a judge makes of the places of answers, in a sentence that is true of the bars drawn beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from leaven.report import numbers
from leaven.report.judges.sure import meant, percent, side
from leaven.stats.judged.intervals import Share
from leaven.stats.judged.places import Places

Bar = tuple[int, Share, float]  # the place, counted from 1, the share of best answers there, that share without a bias

_PART = 0.5


def standing(name: str, places: Places) -> str:
    """Say what places do to a judge's ranks; nothing where Kendall's tau shows nothing.

    A judge "prefers what stands first" only where the first place stands out of those between first and last too: one
    that dislikes what stands last has a tau above 0 as well. Otherwise the places most and least often best are named.
    """
    way = side(places.tau, 0.0)
    bars = _bars(places)
    if not way or not bars:
        return ""
    if stands_out(bars if way > 0 else bars[::-1]):
        which, (_, share, chance) = ("first", bars[0]) if way > 0 else ("last", bars[-1])
        best = f"{percent(share.value)} of {numbers.count(places.questions)} questions"
        unbiased = f"{percent(chance)} without a bias"
        return f"{name} prefers what stands {which} (its best stands there in {best}, {unbiased})."
    most, least = max(bars, key=_lift), min(bars, key=_lift)
    chances = list(dict.fromkeys(percent(chance) for _, _, chance in (most, least)))
    return (
        f"For {name} it matters where an answer stands (Kendall's tau of place and rank {meant(places.tau)}): of"
        f" {numbers.count(places.questions)} questions its best stands most often at {_named(most)}, least often"
        f" at {_named(least)}; {' and '.join(chances)} without a bias."
    )


def stands_out(bars: Sequence[Bar]) -> bool:
    """Say whether the first bar is what a reader sees: above chance, the highest, and no later bar above an earlier.

    It is shown to be above the mean of those between first and last, and by half as much at least as the last is below
    it: else what is seen is that the last one is rare.
    """
    first, last = bars[0], bars[-1]
    between = [_lift(bar) for bar in bars[1:-1]] or [1.0]
    middle = math.fsum(between) / len(between)
    leads = _low(first) > max(1.0, middle) and _lift(first) - middle >= _PART * (middle - _lift(last))
    highest = all(_lift(bar) <= _lift(first) for bar in bars)
    rises = any(_low(later) > _high(bar) for at, bar in enumerate(bars) for later in bars[at + 1 :])
    return leads and highest and not rises and _lift(last) < 1


def _bars(places: Places) -> list[Bar]:
    every = zip(places.firsts, places.chance, strict=True)
    return [(at, one, chance) for at, (one, chance) in enumerate(every, 1) if numbers.is_number(one.value) and chance]


def _lift(bar: Bar) -> float:
    """Return how many times as often as without a bias: questions of fewer answers have higher shares."""
    return (bar[1].value or 0.0) / bar[2]


def _low(bar: Bar) -> float:
    return bar[1].low / bar[2] if numbers.is_number(bar[1].low) else -math.inf


def _high(bar: Bar) -> float:
    return bar[1].high / bar[2] if numbers.is_number(bar[1].high) else math.inf


def _named(bar: Bar) -> str:
    return f"place {bar[0]} ({percent(bar[1].value)})"
