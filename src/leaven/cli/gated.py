"""What ``leaven gate`` says of one metric, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaven.cli.terminal import count

if TYPE_CHECKING:
    from leaven.gate import Verdict


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """Return 1 if a check failed, else 2 if one cannot be judged, else 0."""
    failed, unsaid = _counted(verdicts)
    return 1 if failed else 2 if unsaid else 0


def total(verdicts: Sequence[Verdict]) -> str | None:
    """Return how many checks failed and how many cannot be judged; None where all passed."""
    failed, unsaid = _counted(verdicts)
    of = count(len(verdicts), "check")
    found = [f"{n} of {of} {said}" for n, said in ((failed, "failed"), (unsaid, "cannot be judged")) if n]
    return "; ".join(found) or None


def _counted(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    unsaid = sum(verdict.is_open for verdict in verdicts)
    return sum(not verdict.passed for verdict in verdicts) - unsaid, unsaid


def line(verdict: Verdict, *, strict: bool) -> str:
    """Return the verdict, what was compared, by how much it is worse, and what the interval says of that."""
    metric = verdict.metric
    way = f"{metric.better} is better" if metric.better else "no direction: may change neither way"
    word = "pass" if verdict.passed else "open" if verdict.is_open else "FAIL"
    head = f"{word}  {verdict.arm}  {metric.suite}/{metric.name} ({way})"
    return f"{head}: {_said(verdict, strict=strict)}"


def _said(verdict: Verdict, *, strict: bool) -> str:
    from leaven.report import numbers

    one, unit = verdict.comparison, verdict.metric.unit
    if one is None:
        return "the arm is missing on one side"
    if verdict.worse is None:
        return f"not compared: {verdict.said or 'nothing was scored on one side'}"
    values = f"{numbers.value(one.baseline_mean, unit)} to {numbers.value(one.mean, unit)}"
    why = "left out: not scored, or infinite, on one side"
    dropped = f"; {count(one.n_dropped, 'pair')} {why}" if one.n_dropped else ""
    if verdict.is_thin:
        thin = "but more than a fifth of the pairs are missing"
        return f"{values}, {thin} ({count(one.n_items, 'common item')}{dropped})"
    return f"{values}, {_change(verdict)}{_held(verdict)}; {_surely(verdict, strict=strict)}{dropped}{_way(verdict)}"


def _held(verdict: Verdict) -> str:
    """Say how a harm stands to its margin; what is no harm has none to stand to."""
    from leaven.report import numbers

    assert verdict.worse is not None
    if verdict.worse < 0:
        return ""
    side = "beyond" if verdict.worse > verdict.margin else "within"
    return f", {side} the margin of {numbers.size(verdict.margin, verdict.metric.unit)}"


def _way(verdict: Verdict) -> str:
    """Offer to say which way is better, where a metric without a direction fails because it changed."""
    if verdict.passed or verdict.metric.better is not None or not verdict.worse:
        return ""
    return f"; is one way better? --better {verdict.metric.name}=higher|lower says so"


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
    if strict and verdict.lost:
        lost = f"{count(verdict.lost, 'item')} that the baseline has a value of"
        return f"fails by --strict: {lost} {'is' if verdict.lost == 1 else 'are'} not scored, or infinite, here"
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
