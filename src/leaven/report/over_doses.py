"""What a primary outcome does over the doses of its sweeps, in sentences.

One sweep or two have a sentence each; more are summed up. A part that stands alone (``few_seeds``, ``NOT_THE_SAME``)
is a string of its own, so that the answer can say it once.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import (
    because,
    certainty,
    closeness,
    few_seeds,
    is_shown,
    left_out,
    listed,
    margin,
    outcome,
    possible,
    unit_of,
)
from leaven.report.findings import Findings
from leaven.report.fitted import dose_name, dose_range, fitted_ends, lacking, swept
from leaven.report.means import Column, Means
from leaven.report.text import clip

NOT_THE_SAME = "That is not the same as no change."
_NAMED = 3  # sweeps that are named in a summary


def over_doses(findings: Findings, found: Means, trends: Sequence[Comparison]) -> list[str]:
    """Return the sentences on one outcome's trends."""
    unknown = [c for c in trends if not numbers.is_number(c.effect)]
    few = [c for c in trends if c not in unknown and c.n_seeds in (1, 2)]
    tested = [c for c in trends if c not in unknown and c not in few]
    said = _each(findings, found, tested, trends) if len(tested) <= 2 else [_summed(findings, found, tested)]
    said += _each(findings, found, few, trends) if len(few) == 1 else _seen(findings, found, few)
    if len(unknown) > 2:
        said.append(f"In {listed([c.arm for c in unknown])} the trend of {outcome(findings, unknown[0])} "
                    f"could not be computed{because(unknown[0])}.")  # fmt: skip
        return said
    return said + _each(findings, found, unknown, trends)


def _each(findings: Findings, found: Means, chosen: Sequence[Comparison], trends: Sequence[Comparison]) -> list[str]:
    """Return each trend's own sentences; more than one sweep has more than one trend, and each is named."""
    parts: list[str] = []
    for c in chosen:
        first, *rest = _trend(findings, found, c)
        parts += [f"In {clip(c.arm, 60)}: {first}" if len(trends) > 1 else first, *rest]
        parts += [f"{said[:1].upper()}{said[1:]}." for said in lacking(findings, found, c)]
    return parts


def _trend(findings: Findings, found: Means, c: Comparison) -> list[str]:
    if not numbers.is_number(c.effect):
        return [f"The trend of {outcome(findings, c)} could not be computed{because(c)}."]
    tested, by, scale = _over(findings, c, c.effect)
    dose = _dose(findings, c)
    constant = _constant(findings, found, c)
    if constant is not None:
        return [*_unmoved(findings, c, f"As {dose} goes {tested}", constant)]
    sure = certainty(findings, c, scale)
    if c.n_seeds in (1, 2):
        size = "; ".join([by, *left_out(c)])
        return [f"As {dose} goes {tested}, {_moves(c, findings, seen=True)} in these runs ({size}).", few_seeds(c)]
    if is_shown(c):
        small = f", which is less than the margin of {margin(findings, c)}" if c.equivalent else ""
        return [f"As {dose} rises {tested}, {_moves(c, findings)}: a straight-line trend of {by}{small} ({sure})."]
    if c.equivalent:
        within = f"every dose is within the margin of {margin(findings, c)}"
        near = closeness(findings, c, scale)
        return [f"No change in {outcome(findings, c)} as {dose} rises {tested}: {within} ({by}; {near})."]
    return [f"A change in {outcome(findings, c)} was not shown as {dose} rises {tested} ({by}; {sure}).", NOT_THE_SAME]


def _dose(findings: Findings, c: Comparison) -> str:
    """Name the dose of a trend: of a grid, the one that it is over ("grid: dose")."""
    named = dose_name(findings, c)
    return f"the dose {clip(named, 40)}" if named else "the dose"


def _over(findings: Findings, c: Comparison, effect: float) -> tuple[str, str, float]:
    """Return the doses that were fitted, the effect over them, and their width; without them, per unit of dose."""
    spread = dose_range(c)
    if spread is None:
        return "over the tested range", f"{numbers.change(effect, unit_of(findings, c))} per unit of dose", 1.0
    width = spread[1] - spread[0]
    by = f"{numbers.change(possible(effect * width, unit_of(findings, c)), unit_of(findings, c))} over that range"
    return f"from {numbers.dose(spread[0])} to {numbers.dose(spread[1])}", by, width


def _moves(c: Comparison, findings: Findings, *, seen: bool = False) -> str:
    """Say which way a trend goes; the end points are named only where they go the same way."""
    return f"{outcome(findings, c)} {_way(c, findings, seen=seen)}"


def _way(c: Comparison, findings: Findings, *, seen: bool = False) -> str:
    assert c.effect is not None
    ends = fitted_ends(c)
    if c.effect == 0:
        return "does not change"
    rises = c.effect > 0
    verb = "rises" if rises else "falls"
    if ends and ends[0] != ends[1] and (ends[1] > ends[0]) == rises:
        unit = unit_of(findings, c)
        verb = "goes" if seen else verb
        return f"{verb} from {numbers.value(ends[0], unit)} to {numbers.value(ends[1], unit)}"
    return f"{verb} on the whole, though not from end to end" if ends else verb


# Outcomes that are the same in every run


def _constant(findings: Findings, found: Means, c: Comparison) -> float | None:
    """Return the value that every run of a sweep has, where all have the same; else None."""
    column = Column(c.suite, c.metric, c.group)
    runs = [found[arm.name, column] for arm in swept(findings, c) if (arm.name, column) in found]
    values = {value for mean in runs for value in mean.by_seed.values()}
    return values.pop() if c.effect == 0 and len(values) == 1 else None


def _unmoved(findings: Findings, c: Comparison, where: str, value: float) -> list[str]:
    same = f"{outcome(findings, c)} is the same in every run: {numbers.value(value, unit_of(findings, c))}"
    return [f"{where}, {same}{unmoved_tail(findings, c)}.", *([few_seeds(c)] if c.n_seeds in (1, 2) else [])]


def unmoved_tail(findings: Findings, c: Comparison) -> str:
    """Say whether what is the same everywhere counts as no change, and why not, if not."""
    if c.n_seeds in (1, 2):
        return ""
    if c.equivalent:
        return f", no change within the margin of {margin(findings, c)}"
    size = "1 item" if c.n_items == 1 else f"{numbers.count(c.n_items)} items"
    size += f" and {c.n_seeds} seeds" if c.n_seeds else ""
    if c.equivalent is False:
        return f"; {size} are too few to call that no change within {margin(findings, c)}"
    if c.margin is None:
        return f" ({size}; without a margin that is not called no change)"
    if c.is_thin or c.n_items == 1:
        return f" ({'; '.join([size, *(left_out(c) if c.is_thin else [])])}: that is not called no change)"
    return f" ({size}; nothing varied, so how sure that is cannot be told)"


# Several sweeps at once


def _seen(findings: Findings, found: Means, few: Sequence[Comparison]) -> list[str]:
    """Return one sentence on sweeps with one or two seeds, and what so few seeds allow."""
    if not few:
        return []
    parts = []
    for c in sorted(few, key=_size, reverse=True)[:_NAMED]:
        tested, by, _ = _over(findings, c, c.effect or 0.0)
        way = _way(c, findings, seen=True)
        parts.append(f"{way} in {clip(c.arm, 60)} ({by.removesuffix(' over that range')}, dose {tested})")
    rest = len(few) - len(parts)
    parts += [f"{rest} more sweeps are in the table of trends"] if rest else []
    said = f"In these runs, as {_dose(findings, few[0])} goes up, {outcome(findings, few[0])} {'; '.join(parts)}."
    return [said, *dict.fromkeys(map(few_seeds, few))]


def _size(c: Comparison) -> float:
    spread = dose_range(c)
    return abs(c.effect or 0.0) * (spread[1] - spread[0] if spread else 1.0)


def _summed(findings: Findings, found: Means, trends: Sequence[Comparison]) -> str:
    """Sum up the trends of many sweeps: in which it rises or falls, in which it does not, which are open."""
    shown = [c for c in trends if is_shown(c)]
    same = [c for c in trends if c.equivalent and c not in shown]
    open_ = [c for c in trends if c not in shown and c not in same]
    parts = []
    for verb, some in (
        ("rises", [c for c in shown if (c.effect or 0) > 0]),
        ("falls", [c for c in shown if (c.effect or 0) < 0]),
    ):
        if some:
            top = max(some, key=_size)
            _, by, scale = _over(findings, top, top.effect or 0.0)
            most = f"most in {clip(top.arm, 60)}: " if len(some) > 1 else ""
            where = listed([c.arm for c in some], _NAMED)
            parts.append(f"it {verb} in {where} ({most}{by}; {certainty(findings, top, scale)})")
    if same:
        parts.append(
            f"no change within the margin of {margin(findings, same[0])} in {listed([c.arm for c in same], _NAMED)}, "
            "each judged alone"
        )
    if open_:
        where = listed([c.arm for c in open_], _NAMED)
        parts.append(f"no change was shown in {where}, which is not the same as no change")
    absent = sum(bool(lacking(findings, found, c)) for c in trends)
    parts += [f"{absent} of the sweeps lack doses, see the trends"] if absent else []
    about = f"{outcome(findings, trends[0])} over {_dose(findings, trends[0])}"
    return f"{about} in {len(trends)} sweeps: {'; '.join(parts)}."
