"""How far the numbers can be trusted, as tables: coherence, evaluators, groups, tolerated doses, people's labels."""

from __future__ import annotations

from collections.abc import Iterable

from leaven.report import numbers
from leaven.report.certainty import called, unit_named
from leaven.report.findings import Findings
from leaven.report.listings import NOTHING, Table
from leaven.report.text import clip
from leaven.stats.coherence import Coherence
from leaven.stats.doses.curve import Fit
from leaven.stats.evaluators import Agreement
from leaven.stats.people.audit import ArmError, Corrected


def coherence(findings: Findings) -> Table | None:
    """Return every arm's gate with each part's harm, its bound and its margin; None without a gate."""
    gates = findings.analyses.coherence
    parts = list(dict.fromkeys(name for gate in gates for name in gate.parts))
    rows = [[gate.arm, gate.verdict, *(_part(findings, gate, name) for name in parts)] for gate in gates]
    note = "Each part: how much worse than the baseline (its one-sided 95 % bound; the margin)."
    return Table(["arm", "verdict", *parts], rows, frozenset(range(2, 2 + len(parts))), note) if rows else None


def _part(findings: Findings, gate: Coherence, name: str) -> str:
    if name not in gate.parts:
        return NOTHING
    effect, bound, margin = gate.parts[name]
    unit = unit_named(findings, name)
    if not numbers.is_number(effect):
        return f"{numbers.NOT_MEASURED} (margin {numbers.size(margin, unit)})"
    reached = f"bound {numbers.change(bound, unit)}" if numbers.is_number(bound) else "no bound"
    flag = " ✗" if name in gate.failed else " ?" if name in gate.unproven else ""
    return f"{numbers.change(effect, unit)} ({reached}; margin {numbers.size(margin, unit)}){flag}"


def degenerate(findings: Findings) -> Table | None:
    """Return the metrics that tell nothing of an arm, arms of one value together; None when all tell something."""
    same: dict[tuple[str, str, float, str], list[str]] = {}
    for d in findings.analyses.degenerate:
        same.setdefault((d.metric, d.suite, d.value, d.note), []).append(d.arm)
    rows = [
        [clip(metric, 60), suite, numbers.value(value, findings.metric(suite, metric).unit), ", ".join(arms), why]
        for (metric, suite, value, why), arms in sorted(same.items())
    ]
    return Table(["metric", "suite", "value", "arms", "why"], rows, frozenset({2})) if rows else None


def evaluators(findings: Findings) -> Table | None:
    """Return what each evaluator says of each arm, and how far they agree; None where there is only one."""
    heads = ["measured", "arm", "verdicts", "reading", "alpha", "tau", "items"]
    rows = [row for agreement in findings.analyses.agreement for row in _agreement_rows(agreement)]
    note = "Alpha is Krippendorff's, over all scored texts; tau is Kendall's tau-b, averaged over pairs of evaluators."
    return Table(heads, rows, frozenset({4, 5, 6}), note) if rows else None


def _agreement_rows(agreement: Agreement) -> Iterable[list[str]]:
    known = [numbers.value(agreement.alpha), numbers.value(agreement.tau), numbers.count(agreement.n_items)]
    for arm, verdicts in agreement.verdicts.items():
        said = "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
        flips, open_ = arm in agreement.flips, arm in agreement.unsupported
        reading = (
            "the verdict flips" if flips else "seen by one, open in another" if open_ else "they do not contradict"
        )
        yield [agreement.name, arm, said, reading, *known]
    if not agreement.verdicts:
        among = ", ".join(agreement.evaluators)
        yield [agreement.name, NOTHING, among, agreement.note or "no arm was compared", *known]


def heterogeneity(findings: Findings) -> Table | None:
    """Return one line per metric on whether effects differ between groups; a group is named only if they do."""
    heads = ["metric", "suite", "p-value", "corrected", "reading", "arms", "groups", "items", "test"]
    rows = []
    for h in findings.analyses.heterogeneity:
        if h.p is None:
            reading = f"not tested{f': {h.note}' if h.note else ''}"
        elif h.is_shown:
            where = f", most in {h.largest_group} of {h.largest_arm}" if h.largest_group and h.largest_arm else ""
            reading = f"groups differ{where}{f'; {h.note}' if h.note else ''}"
        else:
            reading = f"groups are not shown to differ: none is named{f'; {h.note}' if h.note else ''}"
        counts = [numbers.count(n) for n in (h.n_arms, h.n_groups, h.n_items)]
        p_values = numbers.p_value(h.p), numbers.p_value(h.p_holm)
        rows.append([clip(h.metric, 60), h.suite, *p_values, reading, *counts, h.test])
    note = "Corrected by Holm's method over all metrics."
    return Table(heads, rows, frozenset({2, 3, 5, 6, 7}), note) if rows else None


def tolerated(findings: Findings) -> Table | None:
    """Return what each sweep's fitted curve says of each metric, and the dose that it tolerates."""
    name = findings.dose_name or "dose"
    heads = ["sweep", "metric", f"slope per unit of {name}", "half-way dose (ED50)", "margin", "tolerated, tested",
             "tolerated, by the curve", "runs", "note"]  # fmt: skip
    rows = [_fit_row(findings, fit) for fit in findings.analyses.fits]
    note = ("Tolerated, tested: the largest tested dose that is shown to be within the margin, with all below it. "
            "By the curve: the lower 95 % bound of the dose at which the fitted curve leaves the margin.")  # fmt: skip
    return Table(heads, rows, frozenset({2, 3, 4, 5, 6, 7}), note) if rows else None


def _fit_row(findings: Findings, fit: Fit) -> list[str]:
    unit = findings.metric(fit.suite, fit.metric).unit
    has_margin = numbers.is_number(fit.margin)
    none = "none" if has_margin and fit.n_seeds not in (1, 2) else NOTHING
    return [
        fit.sweep,
        called(findings, fit.suite, fit.metric),
        _slope(fit, unit),
        _ed50(fit),
        f"±{numbers.size(fit.margin or 0.0, unit)}" if has_margin else NOTHING,
        none if fit.tolerated_tested in (None, 0) else numbers.dose(fit.tolerated_tested),
        numbers.rounded(fit.tolerated_curve),
        numbers.count(fit.n_runs),
        fit.note or NOTHING,
    ]


def _slope(fit: Fit, unit: str) -> str:
    if not numbers.is_number(fit.slope):
        return NOTHING
    scale = "score" if fit.model == "logit-linear" else unit
    bounds = numbers.interval(fit.slope_low, fit.slope_high, scale)
    size = f"{numbers.change(fit.slope, scale)}{' log odds' if fit.model == 'logit-linear' else ''}"
    return f"{size} ({bounds})" if bounds else size


def _ed50(fit: Fit) -> str:
    """Write the dose half-way; an end of its interval that lies beyond the tested range is said to."""
    if not numbers.is_number(fit.ed50):
        return NOTHING
    if fit.ed50_low is None and fit.ed50_high is None:
        return numbers.rounded(fit.ed50)
    low, high = (numbers.rounded(x) if numbers.is_number(x) else "beyond" for x in (fit.ed50_low, fit.ed50_high))
    return f"{numbers.rounded(fit.ed50)} ({low} to {high})"


def audit(findings: Findings) -> Table | None:
    """Return the effects corrected by people's labels, with how often the classifier errs in each arm."""
    heads = ["arm", "metric", "classifier alone", "corrected", "95 % interval", "labelled", "false positives",
             "false negatives", "AUC", "AUC, difference", "note"]  # fmt: skip
    rows = [_audit_row(findings, c) for c in findings.analyses.corrected]
    note = (
        "Errors are estimated for all answers of the arm and of its baseline: each label counts for as many answers as"
        " it was drawn for. The AUC is how well the classifier's score orders the labels; its difference is below 0"
        " where the classifier sees less in the arm than in the baseline. 95 % intervals."
    )
    return Table(heads, rows, frozenset({2, 3, 4, 5}), note) if rows else None


def _audit_row(findings: Findings, c: Corrected) -> list[str]:
    unit = findings.metric(c.suite, c.metric).unit
    return [
        c.arm,
        called(findings, c.suite, c.metric),
        numbers.change(c.naive, unit),
        numbers.change(c.effect, unit),
        numbers.interval(c.low, c.high, unit) or NOTHING,
        numbers.count(c.labelled),
        "; ".join(_rate(e, e.false_positive, e.false_positive_low, e.false_positive_high) for e in c.errors) or NOTHING,
        "; ".join(_rate(e, e.false_negative, e.false_negative_low, e.false_negative_high) for e in c.errors) or NOTHING,
        "; ".join(_auc(f"{e.arm} ", e.auc, e.auc_low, e.auc_high) for e in c.errors) or NOTHING,
        _auc("", c.auc_difference, c.auc_difference_low, c.auc_difference_high),
        c.note or NOTHING,
    ]


def _auc(name: str, value: float | None, low: float | None, high: float | None) -> str:
    if not numbers.is_number(value):
        return f"{name}{NOTHING}"
    bounds = f" ({numbers.rounded(low)} to {numbers.rounded(high)})" if numbers.is_number(low) else ""
    return f"{name}{numbers.rounded(value)}{bounds}"


def _rate(error: ArmError, rate: float | None, low: float | None, high: float | None) -> str:
    bounds = f" ({numbers.share(low)} to {numbers.share(high)})" if numbers.is_number(low) else ""
    return f"{error.arm} {numbers.share(rate)}{bounds}"
