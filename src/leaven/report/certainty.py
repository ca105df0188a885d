"""How sure a comparison is, in words; and the one rule that says whether a change was shown."""

from __future__ import annotations

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.findings import Findings
from leaven.report.text import clip
from leaven.stats.families import margin_of, names_of
from leaven.stats.groups.heterogeneity import Heterogeneity
from leaven.stats.inference import RAISED

ALPHA = 0.05


def corrected_p(c: Comparison) -> float | None:
    """Return the p-value after its family's correction, or None."""
    return c.p_holm if c.family == "primary" else c.p_bh


def is_shown(c: Comparison) -> bool:
    """Say whether a change was shown: corrected p-value below 0.05, and seeds and items enough for a claim.

    One item or two seeds are no sample of items or of training runs, whatever their p-value. A group's change may be
    named only where ``is_named`` says so too.
    """
    p = corrected_p(c)
    enough = c.n_seeds not in (1, 2) and c.n_items != 1
    return enough and numbers.is_number(p) and p < ALPHA and numbers.is_number(c.effect)


def is_named(findings: Findings, c: Comparison) -> bool:
    """Say whether a change may be named: shown, and if it is a single group's, groups are shown to differ at all."""
    tested = None if c.group is None else groups_tested(findings, c.suite, c.metric)
    return is_shown(c) and (c.group is None or (tested is not None and tested.is_shown))


def groups_tested(findings: Findings, suite: str, metric: str) -> Heterogeneity | None:
    """Return the test of whether a metric's effects differ between groups, or None where nobody made it."""
    return next((h for h in findings.analyses.heterogeneity if (h.suite, h.metric) == (suite, metric)), None)


def for_models(c: Comparison) -> bool:
    """Say whether a comparison speaks of the models at hand alone: no training run varied."""
    return c.scope == "models" or c.n_seeds == 0


def certainty(findings: Findings, c: Comparison, scale: float = 1.0) -> str:
    """Return interval, corrected p-value and seeds as one phrase; ``scale`` stretches the interval."""
    return "; ".join([_interval(findings, c, scale), tested(c), *_sample(c)])


def closeness(findings: Findings, c: Comparison, scale: float = 1.0) -> str:
    """Return what shows that an effect is small, as one phrase: the 90 % interval (two one-sided 5 % tests), seeds."""
    bounds = _stretched(findings, c, (c.low90, c.high90), scale)
    return "; ".join([*([f"90{numbers.NBSP}% interval {bounds}"] if bounds else []), *_sample(c)])


def _sample(c: Comparison) -> list[str]:
    """Say of how many runs and items a comparison is, where that limits what it says."""
    said = [f"{c.n_seeds} seeds" if c.n_seeds else "no training run varied"]
    said += ["for these trained models only"] if for_models(c) else []
    said += ["one item is no sample of items"] if c.n_items == 1 else []
    return [*said, *left_out(c)]


def left_out(c: Comparison) -> list[str]:
    """Say how many pairs lacked a score on one side, where that is one in a hundred or more."""
    is_many = 100 * c.n_dropped >= c.n_items * max(c.n_seeds, 1)
    pairs = "1 pair" if c.n_dropped == 1 else f"{numbers.count(c.n_dropped)} pairs"
    return [f"{pairs} left out for want of a score"] if c.n_dropped and is_many else []


def _interval(findings: Findings, c: Comparison, scale: float) -> str:
    bounds = _stretched(findings, c, (c.low, c.high), scale)
    if bounds is None:
        return f"no interval: {clip(c.note, 200)}" if c.note else "no interval"
    return f"95{numbers.NBSP}% interval {bounds}{_as_wide(c)}"


def _as_wide(c: Comparison) -> str:
    """Say that an interval is as wide as so few odd items leave it, where the outcomes themselves told too little."""
    return f", as wide as {numbers.count(c.n_items)} items nearly all alike allow" if RAISED in (c.note or "") else ""


def _stretched(
    findings: Findings, c: Comparison, between: tuple[float | None, float | None], scale: float
) -> str | None:
    low, high = between
    if not (numbers.is_number(low) and numbers.is_number(high)):
        return None
    unit = unit_of(findings, c)
    if c.kind == "interaction":  # per unit of both doses, which has no bound
        return numbers.interval(low, high, unit)
    return numbers.interval(possible(low * scale, unit), possible(high * scale, unit), unit)


def tested(c: Comparison) -> str:
    """Return the corrected p-value with the correction's name, else the raw one, said to be so."""
    p = corrected_p(c)
    if numbers.is_number(p):
        return (
            f"{numbers.p_phrase(p)} after {'Holm' if c.family == 'primary' else 'Benjamini and Hochberg'}'s correction"
        )
    return f"{numbers.p_phrase(c.p)}, not corrected" if numbers.is_number(c.p) else "not tested"


def possible(change: float, unit: str) -> float:
    """Return a change as far as it can go: a straight line through shares may leave what shares can be."""
    return min(max(change, -1.0), 1.0) if unit == "share" else change


def few_seeds(c: Comparison) -> str:
    """Say what one or two seeds allow to be claimed."""
    if c.n_seeds == 1:
        return "One seed: no winner is named."
    return "Two seeds: nothing is claimed about the recipe, only about these trained models."


def outcome(findings: Findings, c: Comparison) -> str:
    """Name what was compared; its suite too where several suites measure it."""
    return called(findings, c.suite, c.metric, c.group)


def called(findings: Findings, suite: str, metric: str, group: str | None = None) -> str:
    """Name a column: its metric, its suite too where the metric alone does not tell, its group."""
    both = findings.needs_suite(suite, metric)
    about = ", ".join(clip(part, 60) for part in ([suite] if both else []) + ([group] if group else []))
    return f"{clip(metric, 60)} ({about})" if about else clip(metric, 60)


def unit_of(findings: Findings, c: Comparison) -> str:
    """Return the unit of what was compared."""
    return findings.metric(c.suite, c.metric).unit


def unit_named(findings: Findings, name: str) -> str:
    """Return the unit of a metric that is named with its suite or without."""
    return next((m.unit for m in findings.metrics if name in names_of(m.suite, m.name)), "score")


def margin(findings: Findings, c: Comparison) -> str:
    """Write the margin within which a difference counts as none."""
    declared = margin_of(findings.margin, c.suite, c.metric)
    return f"±{numbers.size(declared, unit_of(findings, c))}" if declared is not None else "the study"


def because(c: Comparison) -> str:
    """Return the comparison's note as the end of a sentence."""
    return f": {clip(c.note, 200).rstrip('.')}" if c.note else ""


def listed(names: list[str], most: int = 3) -> str:
    """Write names as ``a``, ``a and b``, ``a, b and c``, or ``a, b, c and 4 more``."""
    shown = [clip(name, 60) for name in names[:most]]
    shown += [f"{len(names) - most} more"] if len(names) > most else []
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else ""
