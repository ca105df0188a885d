"""What ``leaven gate`` says of one metric, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaven.cli.terminal import count

if TYPE_CHECKING:
    from leaven.gate import Verdict


def line(verdict: Verdict, *, strict: bool) -> str:
    """Return the verdict, what was compared, by how much it is worse, and what the interval says of that."""
    metric = verdict.metric
    way = f"{metric.better} is better" if metric.better else "no direction: may change neither way"
    head = f"{'pass' if verdict.passed else 'FAIL'}  {verdict.arm}  {metric.suite}/{metric.name} ({way})"
    return f"{head}: {_said(verdict, strict=strict)}"


def _said(verdict: Verdict, *, strict: bool) -> str:
    from leaven.report import numbers

    one, unit = verdict.comparison, verdict.metric.unit
    if one is None:
        return "the arm is missing on one side"
    if verdict.worse is None:
        return f"not compared: {one.note or 'nothing was scored on one side'}"
    values = f"{numbers.value(one.baseline_mean, unit)} to {numbers.value(one.mean, unit)}"
    margin = (
        f"{'beyond' if verdict.worse > verdict.margin else 'within'} the margin of {numbers.size(verdict.margin, unit)}"
    )
    dropped = f"; {count(one.n_dropped, 'pair')} left out, for want of one side" if one.n_dropped else ""
    if verdict.is_thin:
        return f"{values}, but most is missing on one side ({count(one.n_items, 'common item')}{dropped})"
    return f"{values}, {_change(verdict)}, {margin}; {_surely(verdict, strict=strict)}{dropped}"


def _change(verdict: Verdict) -> str:
    from leaven.report import numbers

    assert verdict.worse is not None
    if not verdict.worse:
        return "no difference"
    word = "changed" if verdict.metric.better is None else "worse" if verdict.worse > 0 else "better"
    return f"{word} by {numbers.size(verdict.worse, verdict.metric.unit)}"


def _surely(verdict: Verdict, *, strict: bool) -> str:
    """Say what the 90 % interval shows; its ends are one-sided 95 % bounds."""
    from leaven.report import numbers

    assert verdict.comparison is not None
    if verdict.worse_low is None or verdict.worse_high is None:
        why = f" ({verdict.comparison.note})" if verdict.comparison.note else ""
        return f"{'fails by --strict: ' if strict else ''}no interval says how sure that is{why}"
    between = numbers.interval(verdict.worse_low, verdict.worse_high, verdict.metric.unit)
    bounds = f"90 % interval of the harm {between}"
    if verdict.is_shown:
        return f"shown: {bounds}"
    if verdict.is_excluded:
        return f"more harm is excluded: {bounds}"
    return f"more harm than that is neither shown nor excluded: {bounds}"
