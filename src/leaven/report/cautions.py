"""What stands beside the answer: the tolerated dose, claims, and what should make a reader careful.

Each is one plain sentence, said only where it is true; all of them are made from ``Findings.analyses`` and the lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from leaven.comparison import is_trend
from leaven.report import instrument, numbers, still
from leaven.report.certainty import called, is_shown, listed, unit_named
from leaven.report.findings import Findings, MetricInfo
from leaven.report.fitted import swept
from leaven.report.judges.doubts import cautions as circular
from leaven.report.means import Column, is_primary
from leaven.report.methods.doubts import cautions as rewards
from leaven.report.text import clip
from leaven.stats.claims import Verdict
from leaven.stats.coherence import Coherence
from leaven.stats.doses.curve import Fit
from leaven.stats.families import names_of

_DECIDED = ("supported", "refuted", "undecided")
_CLAIMS = 5  # said in sentences; the rest is counted
_LIKELIHOODS = ("perplexity", "bits_per_byte")  # what is better low and yet no harm


def is_harm(findings: Findings, about: MetricInfo) -> bool:
    """Say whether a metric counts something bad: lower is better, and it is no likelihood and no part of coherence."""
    parts = {name for gate in findings.analyses.coherence for name in gate.parts}
    own = parts.isdisjoint(names_of(about.suite, about.name))
    return about.better == "lower" and own and not about.beside and about.name not in _LIKELIHOODS


# The tolerated dose


def tolerated(findings: Findings) -> list[str]:
    """Return one sentence per primary outcome on the dose that stays within its margin."""
    by_column: dict[Column, list[Fit]] = {}
    for fit in findings.analyses.fits:
        # One or two seeds show no equivalence, so nothing can be said to be within a margin.
        if numbers.is_number(fit.margin) and fit.n_seeds not in (0, 1, 2):
            by_column.setdefault(Column(fit.suite, fit.metric), []).append(fit)
    return [_tolerated(findings, fits) for column, fits in by_column.items() if is_primary(findings, column)]


def _tolerated(findings: Findings, fits: Sequence[Fit]) -> str:
    first, name = fits[0], findings.dose_name or "dose"
    unit = findings.metric(first.suite, first.metric).unit
    parts = [_up_to(fit, name, several=len(fits) > 1) for fit in fits[:4]]
    parts += [f"{len(fits) - 4} more sweeps are in the table"] if len(fits) > 4 else []
    margin = f"the margin of ±{numbers.size(first.margin or 0.0, unit)}"
    outcome = called(findings, first.suite, first.metric)
    if len(fits) == 1 and _is_none(first):
        return f"No tested dose is shown to keep {outcome} within {margin}{_by_curve(first)}."
    return f"Within {margin}, {outcome} is shown to stay {'; '.join(parts)}."


def _up_to(fit: Fit, name: str, *, several: bool) -> str:
    where = f" in {clip(fit.sweep, 60)}" if several else ""
    if _is_none(fit):
        return f"at no tested dose{where}{_by_curve(fit)}"
    return f"up to {clip(name, 40)} = {numbers.dose(fit.tolerated_tested)}{where}{_by_curve(fit)}"


def _is_none(fit: Fit) -> bool:
    return not numbers.is_number(fit.tolerated_tested) or fit.tolerated_tested == 0


def _by_curve(fit: Fit) -> str:
    if not numbers.is_number(fit.tolerated_curve):
        return ""
    return f" (by the fitted curve, if its shape holds, up to {numbers.rounded(fit.tolerated_curve)})"


# Claims


def claims(findings: Findings) -> list[str]:
    """Return one sentence per declared claim; of very many, the first few and the count of the others."""
    verdicts = findings.analyses.verdicts
    said = [_claim(findings, verdict) for verdict in verdicts[:_CLAIMS]]
    rest = Counter(verdict.verdict for verdict in verdicts[_CLAIMS:])
    if rest:
        counted = ", ".join(f"{n} {word}" for word, n in sorted(rest.items()))
        said.append(f"Of {sum(rest.values())} further claims: {counted}.")
    return said


def claimed(findings: Findings) -> list[str]:
    """Return one sentence on what became of the claims, for a place beside their table."""
    by: dict[str, list[str]] = {}
    for verdict in sorted(findings.analyses.verdicts, key=lambda one: _DECIDED.index(one.verdict)):
        by.setdefault(verdict.verdict, []).append(clip(verdict.claim.says, 200).rstrip("."))
    told = [
        f"{len(says)} {word} ({'; '.join(f'“{one}”' for one in says[:_CLAIMS])}{' and others' * (len(says) > _CLAIMS)})"
        for word, says in by.items()
    ]
    n = len(findings.analyses.verdicts)
    return [f"Of {n} claim{'' if n == 1 else 's'}: {'; '.join(told)}."] if told else []


def _claim(findings: Findings, verdict: Verdict) -> str:
    exploratory = "" if verdict.locked else ", exploratory"
    said = clip(verdict.claim.says, 200).rstrip(".")
    doubt = "".join(f"; {one}" for one in [still.of_claim(findings, verdict)] if one)
    return f"Claim {verdict.verdict}{exploratory}: “{said}” ({_evidence(findings, verdict)}){doubt}."


def _evidence(findings: Findings, verdict: Verdict) -> str:
    if not numbers.is_number(verdict.effect):
        return clip(verdict.note, 120) if verdict.note else "not compared"
    unit = unit_named(findings, verdict.claim.metric)
    bounds = numbers.interval(verdict.low90, verdict.high90, unit)
    parts = [numbers.change(verdict.effect, unit), f"90{numbers.NBSP}% interval {bounds}" if bounds else "no interval"]
    if numbers.is_number(verdict.p_holm):
        parts.append(f"{numbers.p_phrase(verdict.p_holm)} after Holm's correction")
    return "; ".join(
        [
            *parts,
            f"{verdict.n_seeds} seed{'' if verdict.n_seeds == 1 else 's'}"
            if verdict.n_seeds
            else "no training run varied",
        ]
    )


# What should make a reader careful


def cautions(findings: Findings) -> list[str]:
    """Return what should make a reader careful about the answer, most serious first."""
    return [
        *_lock(findings),
        *still.cautions(findings),
        *_without_coherence(findings),
        *circular(findings.judging),
        *rewards(findings),
        *instrument.degenerate(findings),
        *[said for agreement in findings.analyses.agreement for said in instrument.evaluators(findings, agreement)],
        *instrument.audits(findings),
    ]


def _lock(findings: Findings) -> list[str]:
    lock = findings.lock
    if lock is None:
        unknown = "No lock can be read: nothing tells what was declared before the results. Read all as exploratory."
        return [unknown] if findings.is_study and (findings.primary or findings.analyses.verdicts) else []
    if not lock.before_results:
        return ["What is compared was declared when results were already there: all of it is exploratory."]
    changed, said = "; ".join(clip(change, 200) for change in lock.changed[:10]), []
    if changed:
        said.append(f"Changed after the declaration was locked, and exploratory for that: {changed}.")
    if lock.later_seeds:
        said.append(
            f"Seeds added after the declaration was locked: {listed([str(seed) for seed in lock.later_seeds])}. Whoever"
            " adds seeds because of what the first ones showed finds too much; no p-value here allows for it."
        )
    if lock.reworked:
        more = f" and {len(lock.reworked) - 10} more" if len(lock.reworked) > 10 else ""
        said.append(
            f"Changed when there were results already: {', '.join(clip(one, 120) for one in lock.reworked[:10])}{more}."
            " What was declared was declared of the study as it was then."
        )
    if lock.beside:
        others = listed(list(lock.beside))
        said.append(f"When this was declared, {others} had an answer already: it may have inspired this declaration.")
    return said


def _without_coherence(findings: Findings) -> list[str]:
    """Flag arms whose harm falls while nothing shows that they are still a language model."""
    gates = {gate.arm: gate for gate in findings.analyses.coherence if gate.verdict != "coherent"}
    failing: dict[str, tuple[Coherence, list[str]]] = {}
    for c in findings.comparisons:
        about = findings.metric(c.suite, c.metric)
        if c.group is not None or c.kind == "interaction" or not (is_shown(c) and (c.effect or 0.0) < 0):
            continue
        arms = [arm.name for arm in swept(findings, c)] if is_trend(c) else [c.arm]
        for arm in arms if is_harm(findings, about) else []:
            if arm in gates and arm != c.baseline:
                failing.setdefault(arm, (gates[arm], []))[1].append(called(findings, c.suite, c.metric))
    return [_broken(gate, list(dict.fromkeys(metrics))) for gate, metrics in failing.values()]


def _broken(gate: Coherence, metrics: list[str]) -> str:
    why = {
        "incoherent": f"is shown to be worse than its margin on {listed(list(gate.failed))}",
        "unproven": f"is not shown to be within its margins on {listed(list(gate.unproven))}",
    }.get(gate.verdict, "was not measured for coherence")
    arm = clip(gate.arm, 60)
    return f"Careful: {listed(metrics)} falls with {arm}, but {arm} {why}: it may be broken rather than safer."
