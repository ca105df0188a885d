"""How sure a comparison is, in words; and the one rule that says whether a change was shown."""

from __future__ import annotations

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.findings import Findings
from leaven.report.text import clip
from leaven.stats.families import margin_of

ALPHA = 0.05


def corrected_p(c: Comparison) -> float | None:
    """Return the p-value after its family's correction, or None."""
    return c.p_holm if c.family == "primary" else c.p_bh


def is_shown(c: Comparison) -> bool:
    """Say whether a change was shown: corrected p-value below 0.05 and seeds enough for a claim about the recipe."""
    p = corrected_p(c)
    return numbers.is_number(p) and p < ALPHA and numbers.is_number(c.effect) and c.n_seeds not in (1, 2)


def certainty(findings: Findings, c: Comparison, scale: float = 1.0) -> str:
    """Return interval, corrected p-value and seeds as one phrase; ``scale`` stretches the interval."""
    seeds = f"{c.n_seeds} seeds" if c.n_seeds else "no training run varied: this holds for these models"
    return "; ".join([_interval(findings, c, scale), _tested(c), seeds])


def _interval(findings: Findings, c: Comparison, scale: float) -> str:
    if not (numbers.is_number(c.low) and numbers.is_number(c.high)):
        return f"no interval: {clip(c.note, 120)}" if c.note else "no interval"
    bounds = numbers.interval(c.low * scale, c.high * scale, unit_of(findings, c))
    return f"95{numbers.NBSP}% interval {bounds}"


def _tested(c: Comparison) -> str:
    p = corrected_p(c)
    if numbers.is_number(p):
        return (
            f"{numbers.p_phrase(p)} after {'Holm' if c.family == 'primary' else 'Benjamini and Hochberg'}'s correction"
        )
    return f"{numbers.p_phrase(c.p)}, not corrected" if numbers.is_number(c.p) else "not tested"


def few_seeds(c: Comparison) -> str:
    """Say what one or two seeds allow to be claimed."""
    if c.n_seeds == 1:
        return "One seed: no winner is named."
    return "Two seeds: nothing is claimed about the recipe, only about these trained models."


def outcome(findings: Findings, c: Comparison) -> str:
    """Name what was compared; its suite too where several suites measure it."""
    several = len({m.suite for m in findings.metrics if m.name == c.metric}) > 1
    about = ", ".join(clip(part, 60) for part in ([c.suite] if several else []) + ([c.group] if c.group else []))
    return f"{clip(c.metric, 60)} ({about})" if about else clip(c.metric, 60)


def unit_of(findings: Findings, c: Comparison) -> str:
    """Return the unit of what was compared."""
    return findings.metric(c.suite, c.metric).unit


def margin(findings: Findings, c: Comparison) -> str:
    """Write the margin within which a difference counts as none."""
    declared = margin_of(findings.margin, c.suite, c.metric)
    return f"±{numbers.size(declared, unit_of(findings, c))}" if declared is not None else "the study"


def because(c: Comparison) -> str:
    """Return the comparison's note as the end of a sentence."""
    return f": {clip(c.note, 200).rstrip('.')}" if c.note else ""
