"""Plain tables, and the lists of trends and contrasts with what each one shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison, is_trend
from leaven.report import numbers
from leaven.report.certainty import corrected_p, for_models, is_named, is_shown, unit_of
from leaven.report.findings import Findings
from leaven.report.fitted import dose_range, lacking
from leaven.report.means import Means
from leaven.report.text import clip

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A plain table; ``numeric`` holds the columns that are set flush right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    note: str = ""


# Trends and interactions


def trends(findings: Findings, found: Means) -> Table | None:
    """Return the trends over doses and the interactions of two, primary ones first, or None when there are none."""
    listed = [c for c in findings.comparisons if c.kind != "difference"]
    listed.sort(key=lambda c: (c.family != "primary", not is_trend(c)))
    name = findings.dose_name or "dose"
    heads = ["sweep", "outcome", "reading", "over the doses", "p-value", "corrected", f"per unit of {name}",
             "95 % interval", "seeds"]  # fmt: skip
    rows = [_trend_row(findings, found, c) for c in listed]
    note = "Corrected: by Holm's method in the primary family, by Benjamini and Hochberg's in the exploratory one."
    note += " An interaction is per unit of both doses." if any(not is_trend(c) for c in listed) else ""
    return Table(heads, rows, frozenset({3, 4, 5, 6, 7, 8}), note) if rows else None


def _trend_row(findings: Findings, found: Means, c: Comparison) -> list[str]:
    unit = unit_of(findings, c)
    spread = dose_range(c) if is_trend(c) else None
    over = NOTHING
    if numbers.is_number(c.effect) and spread is not None:
        change = numbers.change(c.effect * (spread[1] - spread[0]), unit)
        over = f"{change} over {numbers.dose(spread[0])} to {numbers.dose(spread[1])}"
    absent = _lacking(findings, found, c) if is_trend(c) else []
    return [
        c.arm,
        _where(c),
        "; ".join([reading(findings, c), *absent]),
        over,
        numbers.p_value(c.p),
        numbers.p_value(corrected_p(c)),
        numbers.change(c.effect, unit),
        numbers.interval(c.low, c.high, unit) or NOTHING,
        str(c.n_seeds),
    ]


def _lacking(findings: Findings, found: Means, c: Comparison) -> list[str]:
    """Return which doses a trend lacks, but for those whose reason its note gives already."""
    return [said for said in lacking(findings, found, c) if said.partition(": ")[2] not in (c.note or "")]


# Contrasts


@dataclass(frozen=True)
class _Kind:
    """One column of the list of contrasts; one that is not ``always`` there is left out where nothing fills it."""

    head: str
    write: Callable[[Comparison, str], str]  # of a comparison and its unit
    numeric: bool = True
    always: bool = False


def contrasts(findings: Findings, limit: int = 240) -> Table | None:
    """Return all contrasts with p values before and after correction, or None when there are none.

    The difference stands first (of shares: the risk difference), then the ratio and the raw counts; what the
    comparisons do not have is no column.
    """
    listed = sorted((c for c in findings.comparisons if c.kind == "difference"), key=lambda c: c.family != "primary")
    left = len(listed) - limit
    note = f"{left:,} more comparisons are in comparisons.json." if left > 0 else ""
    chosen = listed[:limit]
    filled = [(kind, [kind.write(c, unit_of(findings, c)) for c in chosen]) for kind in _KINDS]
    there = [(kind, cells) for kind, cells in filled if kind.always or any(cell != NOTHING for cell in cells)]
    heads = [*(kind.head for kind, _ in there), "reading"]
    rows = [
        [*row, reading(findings, c)]
        for row, c in zip(zip(*(cells for _, cells in there), strict=True), chosen, strict=True)
    ]
    numeric = frozenset(place for place, (kind, _) in enumerate(there) if kind.numeric)
    return Table(heads, rows, numeric, note) if rows else None


def _counts(c: Comparison, unit: str) -> str:
    s = c.sizes
    if s.hits is None or s.trials is None or s.baseline_hits is None or s.baseline_trials is None:
        return NOTHING
    return f"{s.hits:,} of {s.trials:,} against {s.baseline_hits:,} of {s.baseline_trials:,}"


def _plain(x: float | None, low: float | None, high: float | None) -> str:
    """Write a ratio or a probability with its interval: no sign, no unit."""
    if not numbers.is_number(x):
        return NOTHING
    there = numbers.is_number(low) and numbers.is_number(high)
    return f"{numbers.value(x)} ({numbers.value(low)} to {numbers.value(high)})" if there else numbers.value(x)


def _shift(c: Comparison, unit: str) -> str:
    if not numbers.is_number(c.sizes.shift):
        return NOTHING
    bounds = numbers.interval(c.sizes.shift_low, c.sizes.shift_high, unit)
    return numbers.change(c.sizes.shift, unit) + (f" ({bounds})" if bounds else "")


def _split(c: Comparison, unit: str) -> str:
    named = [("seeds", c.split.share_seed), ("items", c.split.share_item), ("rest", c.split.share_rest),
             ("sampling", c.split.share_sampling)]  # fmt: skip
    return ", ".join(f"{name} {numbers.share(x)}" for name, x in named if numbers.is_number(x)) or NOTHING


def _of_models(c: Comparison, unit: str) -> str:
    if not numbers.is_number(c.models.models_p):
        return NOTHING
    bounds = numbers.interval(c.models.models_low, c.models.models_high, unit)
    test = f"{numbers.p_value(c.models.models_p)}, {clip(c.models.models_test, 40)}"
    return f"{test} ({bounds})" if bounds else test


_KINDS = (
    _Kind("arm", lambda c, unit: c.arm, numeric=False, always=True),
    _Kind("outcome", lambda c, unit: _where(c), numeric=False, always=True),
    _Kind("difference", lambda c, unit: numbers.change(c.effect, unit), always=True),
    _Kind("95 % interval", lambda c, unit: numbers.interval(c.low, c.high, unit) or NOTHING, always=True),
    _Kind("ratio", lambda c, unit: _plain(c.sizes.ratio, c.sizes.ratio_low, c.sizes.ratio_high)),
    _Kind("counts", _counts),
    _Kind("p-value", lambda c, unit: numbers.p_value(c.p), always=True),
    _Kind("corrected", lambda c, unit: numbers.p_value(corrected_p(c)), always=True),
    _Kind("90 % interval", lambda c, unit: numbers.interval(c.low90, c.high90, unit) or NOTHING),
    _Kind("bootstrap 95 %", lambda c, unit: numbers.interval(c.boot_low, c.boot_high, unit) or NOTHING),
    _Kind("odds ratio", lambda c, unit: _plain(c.sizes.odds_ratio, c.sizes.odds_ratio_low, c.sizes.odds_ratio_high)),
    _Kind("Hodges-Lehmann", _shift),
    _Kind("AUC", lambda c, unit: _plain(c.sizes.auc, c.sizes.auc_low, c.sizes.auc_high)),
    _Kind("variance from", _split, numeric=False),
    _Kind("for these models: p", _of_models),
    _Kind("items", lambda c, unit: numbers.count(c.n_items), always=True),
    _Kind("seeds", lambda c, unit: str(c.n_seeds), always=True),
    _Kind("test", lambda c, unit: c.test, numeric=False, always=True),
)


def _where(c: Comparison) -> str:
    metric = f"{clip(c.metric, 60)} ({clip(c.group, 60)})" if c.group else clip(c.metric, 60)
    return " · ".join([metric, c.suite, *(["primary"] if c.family == "primary" else [])])


def reading(findings: Findings, c: Comparison) -> str:
    """Say in a few words what a comparison shows, with the note of how it was made."""
    tail = "; for these trained models only" if for_models(c) and numbers.is_number(c.effect) else ""
    tail += f"; {c.note}" if c.note else ""
    tail += f"; {c.n_dropped:,} pairs left out" if c.n_dropped else ""
    return f"{_shows(findings, c)}{tail}"


def _shows(findings: Findings, c: Comparison) -> str:
    if not numbers.is_number(c.effect):
        return "not compared"
    if c.n_seeds in (1, 2):
        return "one seed: no winner is named" if c.n_seeds == 1 else "two seeds: no claim about the recipe"
    if c.kind == "interaction":
        way = "more" if c.effect > 0 else "less"
        return f"together {way} than the sum of both" if is_shown(c) else "no interaction shown"
    if is_named(findings, c):
        return f"{'rises' if c.effect > 0 else 'falls'}{', within the margin' if c.equivalent else ''}"
    if is_shown(c):
        return "groups are not shown to differ: not named"
    return "no change within the margin" if c.equivalent else "no change shown"
