"""How arms differ from their baselines in one primary outcome, in sentences.

One arm or two have a sentence each; more are summed up. A part that stands alone is a string of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import (
    because,
    certainty,
    closeness,
    few_seeds,
    is_shown,
    left_out,
    margin,
    outcome,
    unit_of,
)
from leaven.report.findings import Findings
from leaven.report.means import Column
from leaven.report.over_doses import NOT_THE_SAME, unmoved_tail
from leaven.report.text import clip


def between_arms(findings: Findings, contrasts: Sequence[Comparison]) -> list[str]:
    """Return the sentences on one outcome's differences."""
    if len(contrasts) > 2:
        return [_many(findings, contrasts), *_few_once(contrasts)]
    return [part for c in contrasts for part in _contrast(findings, c)]


def outside_sweeps(findings: Findings, column: Column) -> list[str]:
    """Return a sentence on the arms that are no point of a sweep, in a study whose primary family is its trends."""
    apart = {arm.name for arm in findings.arms if arm.dose is None and not findings.is_replicate(arm)}
    every = [c for c in findings.comparisons if c.kind == "difference" and c.arm in apart]
    contrasts = [c for c in every if Column(c.suite, c.metric, c.group) == column]
    return [_many(findings, contrasts, " outside the sweeps", " (exploratory)")] if contrasts else []


def _few_once(contrasts: Sequence[Comparison]) -> list[str]:
    """Return what few seeds allow to be claimed, where that holds for all arms."""
    seeds = {c.n_seeds for c in contrasts}
    return [few_seeds(contrasts[0])] if len(seeds) == 1 and seeds <= {1, 2} else []


def _contrast(findings: Findings, c: Comparison) -> list[str]:
    arm, baseline = clip(c.arm, 60), clip(c.baseline, 60)
    if not numbers.is_number(c.effect):
        return [f"{outcome(findings, c)} of {arm} could not be compared with {baseline}{because(c)}."]
    same = _is_same(findings, c)
    if same is not None:
        return _unmoved(findings, c, same)
    sizes = f"{_pair(findings, c)}{numbers.change(c.effect, unit_of(findings, c))}"
    if c.n_seeds in (1, 2):
        missing = f" ({'; '.join(left_out(c))})" if left_out(c) else ""
        seen = f"In these runs {outcome(findings, c)} of {arm} against {baseline} is {sizes}{missing}."
        return [seen, *_of_models(findings, c), few_seeds(c)]
    sure = certainty(findings, c)
    if is_shown(c):
        way = "higher" if c.effect > 0 else "lower"
        small = f", but by less than the margin of {margin(findings, c)}" if c.equivalent else ""
        return [f"With {arm}, {outcome(findings, c)} is {way} than with {baseline}{small}: {sizes} ({sure})."]
    if c.equivalent:
        within = f"within the margin of {margin(findings, c)}"
        near = closeness(findings, c)
        return [f"No change in {outcome(findings, c)} from {baseline} to {arm}, {within}: {sizes} ({near})."]
    between = f"from {baseline} to {arm}"
    return [f"A change in {outcome(findings, c)} {between} was not shown: {sizes} ({sure}).", NOT_THE_SAME]


def _is_same(findings: Findings, c: Comparison) -> str | None:
    """Say how arm and baseline are the same, where no answer of theirs differs; else None."""
    if c.effect != 0 or not numbers.is_number(c.mean) or c.is_thin:
        return None
    value = numbers.value(c.mean, unit_of(findings, c))
    if unit_of(findings, c) == "share" and c.mean in (0, 1) and c.baseline_mean == c.mean:
        return f"is the same in every run: {value}"
    # Where every difference is exactly 0 there is a p-value of 1, and nothing to make an interval of.
    return f"is the same in every item and run, {value} on average" if c.p == 1 and c.low is None else None


def _unmoved(findings: Findings, c: Comparison, same: str) -> list[str]:
    said = f"{outcome(findings, c)} of {clip(c.arm, 60)} and {clip(c.baseline, 60)} {same}{unmoved_tail(findings, c)}."
    return [said, *([few_seeds(c)] if c.n_seeds in (1, 2) else [])]


def _of_models(findings: Findings, c: Comparison) -> list[str]:
    """Return the item-level test of two single models, where one was made: it says nothing of the recipe."""
    models = c.models
    if not numbers.is_number(models.models_p):
        return []
    bounds = numbers.interval(models.models_low, models.models_high, unit_of(findings, c))
    over = f"; 95{numbers.NBSP}% interval {bounds}" if bounds else ""
    test = f"{numbers.p_phrase(models.models_p)} by {clip(models.models_test, 40)}, not corrected"
    return [f"For these trained models only, over items: {test}{over}."]


def _pair(findings: Findings, c: Comparison) -> str:
    if not (numbers.is_number(c.mean) and numbers.is_number(c.baseline_mean)):
        return ""
    unit = unit_of(findings, c)
    return f"{numbers.value(c.mean, unit)} against {numbers.value(c.baseline_mean, unit)}, "


def _many(findings: Findings, contrasts: Sequence[Comparison], which: str = "", kind: str = "") -> str:
    """Sum up many contrasts of one outcome: how many changed, most where; how many did not; how many are open."""
    absent = [c for c in contrasts if not numbers.is_number(c.effect)]
    shown = [c for c in contrasts if is_shown(c)]
    few = [c for c in contrasts if c.n_seeds in (1, 2) and c not in absent]
    same = [c for c in contrasts if c.equivalent and c not in shown and c not in few]
    rest = [c for c in contrasts if not any(c in of for of in (shown, same, few, absent))]
    parts = []
    if shown:
        parts.append(f"a change was shown in {len(shown)}, the largest in {_largest(findings, shown, certainty)}")
    if same:
        alone = ", each judged alone" if len(same) > 1 else ""
        within = f"no change within the margin of {margin(findings, same[0])} in {len(same)}{alone}"
        parts.append(f"{within}, the largest difference in {_largest(findings, same, closeness)}")
    if few:
        largest = _largest(findings, few)
        parts.append(f"{len(few)} with fewer than three seeds, the largest difference in {largest}")
    if rest:
        largest = _largest(findings, rest, certainty)
        unlike = "which is not the same as no change"
        parts.append(f"no change was shown in {len(rest)}, {unlike}; the largest difference is in {largest}")
    if absent:
        parts.append(f"{len(absent)} could not be compared{because(absent[0])}")
    baselines = dict.fromkeys(clip(c.baseline, 60) for c in contrasts)
    against = next(iter(baselines)) if len(baselines) == 1 else "the baselines of their sweeps"
    arms = f"1 arm{which} was" if len(contrasts) == 1 else f"{len(contrasts)} arms{which} were"
    subject = f"In {outcome(findings, contrasts[0])} {arms} compared with {against}{kind}"
    return f"{subject}: {'; '.join(parts)}."


def _largest(
    findings: Findings, some: Sequence[Comparison], sure: Callable[[Findings, Comparison], str] | None = None
) -> str:
    """Name the arm that differs most, with its difference and how sure it is."""
    top = max(some, key=lambda c: abs(c.effect or 0.0))
    size = numbers.change(top.effect, unit_of(findings, top))
    return f"{clip(top.arm, 60)} ({size}{f'; {sure(findings, top)}' if sure else ''})"
