"""Plain tables, and the lists of trends and contrasts with what each one shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from leaven.comparison import Comparison, is_trend
from leaven.report import numbers
from leaven.report.certainty import corrected_p, for_models, is_named, is_shown, possible, unit_of
from leaven.report.findings import Findings
from leaven.report.fitted import NOT_TRAINED, dose_name, dose_range, lacking
from leaven.report.means import Means
from leaven.report.text import clip
from leaven.stats.doses.dose import WITHOUT_RUNS

NOTHING = "–"
_LINES = 60
TWO_TESTS = (
    "A difference's p-value is the larger of two tests (over items and runs, and over the runs alone): with few seeds"
    " it can exceed 0.05 where the 95 % interval leaves out 0."
)

NO_HITS = (
    "Where an arm has no hits a ratio has no interval: arms share items, and what an item or a run adds cannot be seen"
    " there. The difference's interval, where there is one, holds."
)
_NO_HITS = "no hits"


@dataclass(frozen=True)
class Table:
    """A plain table; ``numeric`` holds the columns that are set flush right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    note: str = ""


def bounds(low: float | None, high: float | None, unit: str) -> str | None:
    """Write the bounds of a difference, as far as it can go; None where there are none."""
    if not (numbers.is_number(low) and numbers.is_number(high)):
        return None
    return numbers.interval(possible(low, unit), possible(high, unit), unit)


# Trends and interactions


def doses(findings: Findings) -> list[str]:
    """Return the names of the doses that there are trends over, each once; of a grid, both."""
    named = [dose_name(findings, c) or "dose" for c in findings.comparisons if is_trend(c)]
    return list(dict.fromkeys(named)) or [findings.dose_name or "dose"]


def trends(findings: Findings, found: Means) -> Table | None:
    """Return the trends over doses and the interactions of two, primary ones first, or None when there are none."""
    every = [c for c in findings.comparisons if c.kind != "difference"]
    listed = _worth_a_line(findings, every)
    listed.sort(key=lambda c: (c.family != "primary", not is_trend(c)))
    several = len(doses(findings)) > 1
    unit_of_dose = "dose" if several else doses(findings)[0]
    heads = ["sweep", "outcome", "reading", "over the doses", "95 % interval", "p-value", "corrected", "seeds",
             f"per unit of {unit_of_dose}"]  # fmt: skip
    rows = [_trend_row(findings, found, c, (dose_name(findings, c) or "dose") if several else "") for c in listed]
    note = _of_trends(listed) + _taken_out(rows, heads.index("reading"))
    if more := len(every) - len(listed):
        note += f" {more} more trends are those of groups that none is shown in; comparisons.json has them."
    return Table(heads, rows, frozenset({3, 4, 5, 6, 7, 8}), note) if rows else None


def _taken_out(rows: Sequence[list[str]], place: int) -> str:
    """Take out of every row's reading what all say of a baseline without runs, and return it as the end of a note."""
    told = [row[place].split("; ") for row in rows]
    first = (
        [said for said in told[0][1:] if said == WITHOUT_RUNS or said.endswith(NOT_TRAINED)] if len(told) > 1 else []
    )
    common = [said for said in first if all(said in one[1:] for one in told)]
    for row, one in zip(rows, told, strict=True):
        row[place] = "; ".join([one[0], *(said for said in one[1:] if said not in common)])
    return f" Of each: {'; '.join(common)}." if common else ""


def _worth_a_line(findings: Findings, every: Sequence[Comparison]) -> list[Comparison]:
    """Leave out what is of one group and not shown, where lines are many: nobody reads hundreds."""
    if len(every) <= _LINES:
        return list(every)
    return [c for c in every if c.group is None or is_named(findings, c)]


def _of_trends(listed: Sequence[Comparison]) -> str:
    note = "The interval is that of the change over the doses, as far as a share can go. "
    note = note if any(dose_range(c) for c in listed) else ""
    note += "Corrected: by Holm's method in the primary family, by Benjamini and Hochberg's in the exploratory one."
    both = any(not is_trend(c) for c in listed)
    return note + (" An interaction is per unit of both doses, with its interval beside it." if both else "")


def _trend_row(findings: Findings, found: Means, c: Comparison, dose: str) -> list[str]:
    """Return a trend's line; ``dose`` is named where there are several."""
    unit = unit_of(findings, c)
    absent = _lacking(findings, found, c) if is_trend(c) else []
    over, interval, slope = _over(c, unit, dose)
    p_values = numbers.p_value(c.p), numbers.p_value(corrected_p(c))
    said = "; ".join([reading(findings, c), *absent])
    return [c.arm, _where(c), said, over, interval, *p_values, str(c.n_seeds), slope]


def _over(c: Comparison, unit: str, dose: str) -> tuple[str, str, str]:
    """Return the change over the doses, its interval, and the slope; the interval stands beside what it is of.

    A straight line through shares cannot rise by more than all of them over the doses that it was fitted on; what two
    doses do together, per unit of both, has no such end.
    """
    spread = dose_range(c) if is_trend(c) else None
    if spread is None or not numbers.is_number(c.effect):
        between = numbers.interval(c.low, c.high, unit)
        return NOTHING, NOTHING, numbers.change(c.effect, unit) + (f" ({between})" if between else "")
    width = spread[1] - spread[0]
    whole = possible(c.effect * width, unit)
    where = " ".join(filter(None, [dose, f"{numbers.dose(spread[0])} to {numbers.dose(spread[1])}"]))
    low, high = (x * width if numbers.is_number(x) else None for x in (c.low, c.high))
    per = f" per {dose}" if dose else ""
    return (
        f"{numbers.change(whole, unit)} over {where}",
        bounds(low, high, unit) or NOTHING,
        f"{numbers.change(whole / width, unit)}{per}",
    )


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
    more = f"{left:,} more comparisons are in comparisons.json." if left > 0 else ""
    chosen = listed[:limit]
    no_hits = NO_HITS if any(_NO_HITS in _ratio(c) for c in chosen) else ""
    note = " ".join(filter(None, [more, TWO_TESTS if two_tests(listed) else "", no_hits]))
    filled = [(kind, [kind.write(c, unit_of(findings, c)) for c in chosen]) for kind in _KINDS]
    there = [(kind, cells) for kind, cells in filled if kind.always or any(cell != NOTHING for cell in cells)]
    heads = [*(kind.head for kind, _ in there), "reading"]
    rows = [
        [*row, reading(findings, c)]
        for row, c in zip(zip(*(cells for _, cells in there), strict=True), chosen, strict=True)
    ]
    numeric = frozenset(place for place, (kind, _) in enumerate(there) if kind.numeric)
    return Table(heads, rows, numeric, note) if rows else None


def two_tests(listed: Iterable[Comparison]) -> bool:
    """Say whether there is a difference over several training runs, whose p-value is the larger of two tests."""
    return any(
        c.kind == "difference" and c.n_seeds > 1 and not for_models(c) and numbers.is_number(c.p) for c in listed
    )


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


def _ratio(c: Comparison, unit: str = "") -> str:
    """Write the ratio of two shares with its interval; without hits, which side lacks them and so why there is none."""
    if c.sizes.ratio == 0:
        return f"{numbers.value(0.0)} (no interval: {_NO_HITS})"
    if c.sizes.ratio is None and _is_of_shares(c) and c.baseline_mean == 0:
        return f"none: {_NO_HITS} in {'either' if c.mean == 0 else 'the baseline'}"
    return _plain(c.sizes.ratio, c.sizes.ratio_low, c.sizes.ratio_high)


def _odds(c: Comparison, unit: str) -> str:
    """Write the odds ratio; where an arm has hits alone or none, it is 0 or there is none."""
    if c.sizes.odds_ratio == 0:
        return f"{numbers.value(0.0)} (no interval)"
    if c.sizes.odds_ratio is None and _is_of_shares(c):
        return "none"
    return _plain(c.sizes.odds_ratio, c.sizes.odds_ratio_low, c.sizes.odds_ratio_high)


def _is_of_shares(c: Comparison) -> bool:
    """Say whether a comparison is of hits and misses: sizes of all else have a shift in place of the ratios."""
    return c.sizes.auc is not None and c.sizes.shift is None


def _shift(c: Comparison, unit: str) -> str:
    if not numbers.is_number(c.sizes.shift):
        return NOTHING
    between = bounds(c.sizes.shift_low, c.sizes.shift_high, unit)
    return numbers.change(c.sizes.shift, unit) + (f" ({between})" if between else "")


def _split(c: Comparison, unit: str) -> str:
    named = [("seeds", c.split.share_seed), ("items", c.split.share_item), ("rest", c.split.share_rest),
             ("sampling", c.split.share_sampling)]  # fmt: skip
    return ", ".join(f"{name} {numbers.share(x)}" for name, x in named if numbers.is_number(x)) or NOTHING


def _of_models(c: Comparison, unit: str) -> str:
    if not numbers.is_number(c.models.models_p):
        return NOTHING
    between = bounds(c.models.models_low, c.models.models_high, unit)
    test = f"{numbers.p_value(c.models.models_p)}, {clip(c.models.models_test, 40)}"
    return f"{test} ({between})" if between else test


_KINDS = (
    _Kind("arm", lambda c, unit: c.arm, numeric=False, always=True),
    _Kind("outcome", lambda c, unit: _where(c), numeric=False, always=True),
    _Kind("difference", lambda c, unit: numbers.change(c.effect, unit), always=True),
    _Kind("95 % interval", lambda c, unit: bounds(c.low, c.high, unit) or NOTHING, always=True),
    _Kind("ratio", _ratio),
    _Kind("counts", _counts),
    _Kind("p-value", lambda c, unit: numbers.p_value(c.p), always=True),
    _Kind("corrected", lambda c, unit: numbers.p_value(corrected_p(c)), always=True),
    _Kind("90 % interval", lambda c, unit: bounds(c.low90, c.high90, unit) or NOTHING),
    _Kind("bootstrap 95 %", lambda c, unit: bounds(c.boot_low, c.boot_high, unit) or NOTHING),
    _Kind("odds ratio", _odds),
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
