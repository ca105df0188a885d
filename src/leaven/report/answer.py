"""The answer in plain sentences, made from the primary comparisons alone.

Each sentence says which way, how much, over which doses, how sure. "No change" is written only where equivalence
within the margin was shown; that no change was *shown* is another sentence. One seed names no winner, two seeds
claim nothing about the recipe.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaven.comparison import Comparison, is_trend
from leaven.report import numbers
from leaven.report.certainty import ALPHA, because, certainty, few_seeds, is_shown, margin, outcome, unit_of
from leaven.report.findings import Findings
from leaven.report.fitted import dose_range, ends, lacking
from leaven.report.means import Column, Means, is_primary, means
from leaven.report.text import clip
from leaven.stats.families import names_of

NOT_THE_SAME = "That is not the same as no change."


def answer(findings: Findings, found: Means | None = None) -> list[str]:
    """Return the answer: one sentence or two per primary outcome, then one on the A/A arm if there is one."""
    found = means(findings.measurements) if found is None else found
    primary = [c for c in findings.comparisons if c.family == "primary"]
    lines = [_outcome(findings, found, column, primary) for column in _columns_of(findings, primary)]
    lines += _without_comparison(findings, primary)
    if not lines:
        lines = ["This study declares no primary outcome, so no answer is claimed. All that follows is exploratory."]
    return [*lines, *_replicate(findings)]


def _columns_of(findings: Findings, comparisons: Sequence[Comparison]) -> list[Column]:
    every = dict.fromkeys(Column(c.suite, c.metric, c.group) for c in comparisons)
    order = {name: place for place, name in enumerate(findings.primary)}
    return sorted(every, key=lambda column: min(order.get(name, len(order)) for name in names_of(*column[:2])))


def _without_comparison(findings: Findings, primary: Sequence[Comparison]) -> list[str]:
    compared = {name for c in primary for name in names_of(c.suite, c.metric)}
    absent = [name for name in findings.primary if name not in compared]
    listed = " and ".join(clip(name, 60) for name in absent)
    return [f"Nothing can be said about {listed}: no comparison was made."] if absent else []


def _outcome(findings: Findings, found: Means, column: Column, primary: Sequence[Comparison]) -> str:
    """Return the sentences of one primary outcome: its trends, then its contrasts."""
    replicates = {arm.name for arm in findings.arms if findings.is_replicate(arm)}
    here = [c for c in primary if Column(c.suite, c.metric, c.group) == column]
    trends = [c for c in here if is_trend(c)]
    contrasts = [c for c in here if not is_trend(c) and c.arm not in replicates]
    # More than one sweep has more than one trend, and each is named.
    named = [f"In {clip(c.arm, 60)}: " if len(trends) > 1 else "" for c in trends]
    parts = [name + _over_doses(findings, found, c) for name, c in zip(named, trends, strict=True)]
    if len(contrasts) > 2:
        parts.append(_many(findings, contrasts))
    else:
        parts += [_contrast(findings, c) for c in contrasts]
    return " ".join(parts) or f"Nothing can be said about {outcome(findings, here[0])}: only the A/A arm was compared."


# Trends


def _over_doses(findings: Findings, found: Means, c: Comparison) -> str:
    """Say what a trend shows, then which of the declared doses it does not cover."""
    absent = [f"{said[:1].upper()}{said[1:]}." for said in lacking(findings, found, c)]
    return " ".join([_trend(findings, found, c), *absent])


def _trend(findings: Findings, found: Means, c: Comparison) -> str:
    if not numbers.is_number(c.effect):
        return f"The trend of {outcome(findings, c)} could not be computed{because(c)}."
    dose = f"the dose {clip(findings.dose_name, 40)}" if findings.dose_name else "the dose"
    tested, by, scale = _over(findings, c, c.effect)
    both = ends(findings, found, c)
    sure = certainty(findings, c, scale)
    if c.n_seeds in (1, 2):
        seen = _moves(c, both, findings, seen=True)
        return f"As {dose} goes {tested}, {seen} in these runs ({by}). {few_seeds(c)}"
    if is_shown(c):
        small = f", which is less than the margin of {margin(findings, c)}" if c.equivalent else ""
        return f"As {dose} rises {tested}, {_moves(c, both, findings)}: a straight-line trend of {by}{small} ({sure})."
    if c.equivalent:
        within = f"within the margin of {margin(findings, c)}"
        return f"No change in {outcome(findings, c)} as {dose} rises {tested}: {within} ({by}; {sure})."
    return f"No change in {outcome(findings, c)} was shown as {dose} rises {tested} ({by}; {sure}). {NOT_THE_SAME}"


def _over(findings: Findings, c: Comparison, effect: float) -> tuple[str, str, float]:
    """Return the doses that were fitted, the effect over them, and their width; without them, per unit of dose."""
    spread = dose_range(c)
    if spread is None:
        return "over the tested range", f"{numbers.change(effect, unit_of(findings, c))} per unit of dose", 1.0
    width = spread[1] - spread[0]
    by = f"{numbers.change(effect * width, unit_of(findings, c))} over that range"
    return f"from {numbers.dose(spread[0])} to {numbers.dose(spread[1])}", by, width


def _moves(c: Comparison, ends: tuple[float, float] | None, findings: Findings, *, seen: bool = False) -> str:
    """Say which way a trend goes; the end points are named only where they go the same way."""
    assert c.effect is not None
    if c.effect == 0:
        return f"{outcome(findings, c)} does not change"
    rises = c.effect > 0
    verb = "rises" if rises else "falls"
    if ends and ends[0] != ends[1] and (ends[1] > ends[0]) == rises:
        unit = unit_of(findings, c)
        verb = "goes" if seen else verb
        return f"{outcome(findings, c)} {verb} from {numbers.value(ends[0], unit)} to {numbers.value(ends[1], unit)}"
    said = f"{outcome(findings, c)} {verb}"
    return f"{said} on the whole, though not from end to end" if ends else said


# Contrasts


def _contrast(findings: Findings, c: Comparison) -> str:
    arm, baseline = clip(c.arm, 60), clip(c.baseline, 60)
    if not numbers.is_number(c.effect):
        return f"{outcome(findings, c)} of {arm} could not be compared with {baseline}{because(c)}."
    sizes = f"{_pair(findings, c)}{numbers.change(c.effect, unit_of(findings, c))}"
    if c.n_seeds in (1, 2):
        return f"In these runs {outcome(findings, c)} of {arm} against {baseline} is {sizes}. {few_seeds(c)}"
    sure = certainty(findings, c)
    if is_shown(c):
        way = "higher" if c.effect > 0 else "lower"
        small = f", but by less than the margin of {margin(findings, c)}" if c.equivalent else ""
        return f"With {arm}, {outcome(findings, c)} is {way} than with {baseline}{small}: {sizes} ({sure})."
    if c.equivalent:
        within = f"within the margin of {margin(findings, c)}"
        return f"No change in {outcome(findings, c)} from {baseline} to {arm}, {within}: {sizes} ({sure})."
    return f"No change in {outcome(findings, c)} from {baseline} to {arm} was shown: {sizes} ({sure}). {NOT_THE_SAME}"


def _pair(findings: Findings, c: Comparison) -> str:
    if c.mean is None or c.baseline_mean is None:
        return ""
    unit = unit_of(findings, c)
    return f"{numbers.value(c.mean, unit)} against {numbers.value(c.baseline_mean, unit)}, "


def _many(findings: Findings, contrasts: Sequence[Comparison]) -> str:
    """Sum up many contrasts of one outcome: how many changed, most where; how many did not; how many are open."""
    shown = [c for c in contrasts if is_shown(c)]
    few = [c for c in contrasts if c.n_seeds in (1, 2)]
    same = [c for c in contrasts if c.equivalent and c not in shown and c not in few]
    rest = len(contrasts) - len(shown) - len(same) - len(few)
    parts = []
    if shown:
        top = max(shown, key=lambda c: abs(c.effect or 0.0))
        size = f"{numbers.change(top.effect, unit_of(findings, top))}; {certainty(findings, top)}"
        parts.append(f"a change was shown in {len(shown)}, the largest in {clip(top.arm, 60)} ({size})")
    if same:
        parts.append(f"no change within the margin of {margin(findings, same[0])} in {len(same)}")
    if few:
        parts.append(f"{len(few)} with fewer than three seeds, where no winner is named")
    if rest:
        parts.append(f"no change was shown in {rest}, which is not the same as no change")
    baselines = dict.fromkeys(clip(c.baseline, 60) for c in contrasts)
    against = next(iter(baselines)) if len(baselines) == 1 else "the baselines of their sweeps"
    subject = f"In {outcome(findings, contrasts[0])} {len(contrasts)} arms were compared with {against}"
    return f"{subject}: {'; '.join(parts)}."


# The A/A arm


def _replicate(findings: Findings) -> list[str]:
    """Return a sentence on the arms that differ from the baseline in their seeds alone."""
    replicates = [arm.name for arm in findings.arms if findings.is_replicate(arm)]
    if not replicates:
        return []
    compared = [c for c in findings.comparisons if c.arm in replicates and c.group is None and not is_trend(c)]
    primary = [c for c in compared if is_primary(findings, Column(c.suite, c.metric))]
    enough = [c for c in primary or compared if numbers.is_number(c.effect) and c.n_seeds not in (1, 2)]
    tested = {c: c.p for c in enough if numbers.is_number(c.p)}
    one = len(replicates) == 1
    who = f"he A/A arm {clip(replicates[0], 60)}" if one else f"he {len(replicates)} A/A arms"
    if not tested:
        return [f"T{who} could not be tested against the baseline, so the instrument is unchecked here."]
    worst = min(tested, key=tested.__getitem__)
    size = numbers.change(worst.effect, unit_of(findings, worst))
    chosen = f", the smallest of {len(tested)}" if len(tested) > 1 else ""
    how = f"{size} in {outcome(findings, worst)} ({numbers.p_phrase(tested[worst])}{chosen})"
    # The alarm looks at several outcomes, so it is corrected for their number: else it cries wolf.
    if tested[worst] * len(tested) < ALPHA:
        differs = f"{'differs' if one else 'differ'} from the baseline by"
        only = "though nothing but the seeds changed"
        return [f"Warning: t{who} {differs} {how}, {only}. Other differences on this page may be as empty."]
    alike = f"{'does' if one else 'do'} not detectably differ from the baseline"
    return [f"T{who} {alike}, as it should be where nothing but the seeds changed: {how}."]
