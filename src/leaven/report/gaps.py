"""What was not measured although it usually is: each gap one plain line, said only where it is true."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.report import numbers, scored
from leaven.report.cautions import is_harm
from leaven.report.certainty import listed
from leaven.report.findings import Findings, MetricInfo
from leaven.report.means import Column, Means, is_primary, means
from leaven.report.unscored import where_unscored
from leaven.stats.families import margin_of, names_of


def unmeasured(findings: Findings, found: Means | None = None) -> list[str]:
    """Return what was not measured: what the run itself says first, then what is missing from the design."""
    found = means(findings.measurements) if found is None else found
    said = [*map(str, findings.missing), *_absent(findings, found), *_unscored(findings)]
    if found or findings.comparisons:  # of what was not measured at all, the design's gaps are no news
        said += [*_seeds(findings), *_replicates(findings), *_margins(findings), *_beside_harm(findings)]
    return list(dict.fromkeys(said))


def _absent(findings: Findings, found: Means) -> Iterator[str]:
    measured = {arm for (arm, _), mean in found.items() if mean.value is not None}
    without = [arm.name for arm in findings.arms if arm.name not in measured]
    if without and measured:
        yield f"No results at all: {listed(without, most=8)}."
    scored = {column.suite for (_, column), mean in found.items() if mean.value is not None}
    declared = dict.fromkeys(about.suite for about in findings.metrics)
    silent = [suite for suite in declared if suite not in scored]
    if silent and scored:
        yield f"Nothing was measured by {'suite' if len(silent) == 1 else 'suites'} {listed(silent, most=8)}."


def _unscored(findings: Findings) -> Iterator[str]:
    """Say how much was asked and not scored, and in which metric most."""
    table = scored.compared(findings)
    absent = ~scored.is_scored(table)
    if not absent.any():
        return
    n, share = int(absent.sum()), float(absent.mean())
    name = table["suite"].astype(str) + "/" + table["metric"].astype(str)
    worst = absent.groupby(name).mean()
    most = f"most in {worst.idxmax()}: {numbers.value(float(worst.max()), 'share')}"
    yield f"{n:,} of {len(table):,} values were not scored ({numbers.value(share, 'share')}; {most})."
    yield from where_unscored(findings, table, absent)


def _seeds(findings: Findings) -> Iterator[str]:
    runs = [len(set(arm.seeds)) for arm in findings.arms if arm.seeds]
    if not runs:
        if findings.comparisons and all(c.n_seeds == 0 for c in findings.comparisons):
            yield "No training runs vary: what is said holds for these models, not for training others like them."
    elif max(runs) == 1:
        yield "One seed: how far training runs differ was not measured, so no winner is named."
    elif max(runs) == 2:
        yield "Two seeds: too few to say how far training runs differ, so nothing is claimed about the recipe."


def _replicates(findings: Findings) -> Iterator[str]:
    trained = any(arm.seeds for arm in findings.arms)
    if trained and not any(findings.is_replicate(arm) for arm in findings.arms):
        yield "No A/A arm: how far two arms come apart that differ in nothing but their seeds was not measured."


def _margins(findings: Findings) -> Iterator[str]:
    columns = [(m.suite, m.name) for m in findings.metrics if is_primary(findings, Column(m.suite, m.name))]
    without = [metric for suite, metric in columns if margin_of(findings.margin, suite, metric) is None]
    if without:
        yield f"No margin for {listed(list(dict.fromkeys(without)))}: “no change” cannot be said there."


def _beside_harm(findings: Findings) -> Iterator[str]:
    """Say what is missing beside a metric of harm: coherence, a second evaluator, what the model can do."""
    harms = [about for about in findings.metrics if is_harm(findings, about)]
    if not harms:
        return
    names = listed(list(dict.fromkeys(about.name for about in harms)))
    if not findings.analyses.coherence:
        yield f"No coherence gate beside {names}: a fall in harm may be a broken model."
    alone = [about for about in harms if not _has_second(findings, about)]
    if alone:
        which = listed(list(dict.fromkeys(about.name for about in alone)))
        yield f"No second evaluator was declared for {which} (`evaluators`): nothing tests whether another one agrees."
    if not any(about.better == "higher" and not about.beside for about in findings.metrics):
        yield f"No metric of what the model can do beside {names}: its price was not measured."


def _has_second(findings: Findings, about: MetricInfo) -> bool:
    """Say whether a metric is declared, or labelled by people, beside another evaluator of the same thing."""
    names = set(names_of(about.suite, about.name))
    declared = any(not names.isdisjoint(a.evaluators) and len(a.evaluators) > 1 for a in findings.analyses.agreement)
    audited = any((c.suite, c.metric) == (about.suite, about.name) for c in findings.analyses.corrected)
    return declared or audited
