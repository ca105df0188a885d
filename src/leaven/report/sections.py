"""The page's smaller sections as plain rows: arms, ledgers, data, trainings, samples, settings.

Runs of one arm share a line; a value that differs between seeds is shown as its range. Sections that have a file of
their own are named here too, so that who lays out a page has one place to look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from leaven.report import numbers
from leaven.report.certainty import listed
from leaven.report.closed import closed
from leaven.report.costs import differing, stages
from leaven.report.declared import claims, lock
from leaven.report.evidence import audit, coherence, degenerate, evaluators, heterogeneity, tolerated
from leaven.report.findings import Findings, LedgerInfo, SampleInfo, TrainingInfo
from leaven.report.gaps import unmeasured
from leaven.report.listings import Table
from leaven.report.means import Means, arms
from leaven.report.phases import phases
from leaven.report.tables import role

__all__ = [
    "Excerpts", "Prompt", "arm_table", "audit", "claims", "closed", "coherence", "data_table", "degenerate",
    "differing", "evaluators", "excerpts", "heterogeneity", "ledger_table", "lock", "pairs", "prompts", "seeds", "span",
    "stages", "tolerated", "training_table", "unmeasured",
]  # fmt: skip

EXCERPTS = 3  # shown per arm and step
EXCERPTS_IN_ALL = 60
PROMPTS = 8
ARMS_PER_PROMPT = 12


@dataclass(frozen=True)
class Excerpts:
    """A few rows that a treatment changed: (row id, was, became)."""

    arm: str
    step: str
    rows: Sequence[tuple[str, str, str]]
    changed: int


@dataclass(frozen=True)
class Prompt:
    """One prompt with the arms' texts side by side."""

    prompt: str
    reference: str | None
    texts: Sequence[SampleInfo]
    n_left_out: int
    suite: str = ""


def span(values: Iterable[float | None], write: Callable[[float | None], str]) -> str:
    """Write one value where all are equal, else the lowest and the highest."""
    every = list(values)
    there = sorted(x for x in every if x is not None and math.isfinite(x))
    if not there:
        return numbers.NOT_MEASURED
    low, high = write(there[0]), write(there[-1])
    partly = f" ({len(every) - len(there)} {numbers.NOT_MEASURED})" if len(there) < len(every) else ""
    return (low if low == high else f"{low} to {high}") + partly


def seeds(values: Iterable[int | None]) -> str:
    """Write the seeds of some runs."""
    listed = list(dict.fromkeys(values))
    return ", ".join("none" if seed is None else str(seed) for seed in listed) or "–"


def arm_table(findings: Findings, found: Means) -> Table | None:
    """Return the arms with what they are."""
    heads = ["arm", "what it is", findings.dose_name or "dose", "seeds", "part"]
    rows = [
        [arm.name, arm.what or "–", numbers.dose(arm.dose), seeds(arm.seeds), role(findings, arm) or "–"]
        for arm in arms(findings, found)
    ]
    return Table(heads, rows, frozenset({2})) if rows else None


def ledger_table(findings: Findings) -> Table | None:
    """Return the counts of every treatment step, one line per arm and step."""
    heads = ["arm", "step", "seeds", "rows", "eligible", "changed", "dose reached", "nested"]
    rows = []
    for (arm, step), runs in _runs(findings.ledgers, lambda entry: (entry.arm, entry.step)):
        counts = [span([getattr(run, name) for run in runs], numbers.count) for name in ("rows", "eligible", "changed")]
        reached = span([run.realised for run in runs], lambda x: numbers.value(x, "share"))
        nested = "; ".join(dict.fromkeys(run.nested_in for run in runs if run.nested_in)) or "–"
        rows.append([arm, step, seeds(run.seed for run in runs), *counts, reached, nested])
    return Table(heads, rows, frozenset({3, 4, 5, 6})) if rows else None


def excerpts(findings: Findings) -> list[Excerpts]:
    """Return a few changed rows per arm and step, from the first seed that has any."""
    made: list[Excerpts] = []
    for (arm, step), runs in _runs(findings.ledgers, lambda entry: (entry.arm, entry.step)):
        first = next((run for run in runs if run.excerpts), None)
        if first is not None and len(made) * EXCERPTS < EXCERPTS_IN_ALL:
            made.append(Excerpts(arm, step, list(first.excerpts)[:EXCERPTS], first.changed))
    return made


def _runs(
    entries: Sequence[LedgerInfo], key: Callable[[LedgerInfo], tuple[str, str]]
) -> list[tuple[tuple[str, str], list[LedgerInfo]]]:
    order = {name: place for place, name in enumerate(dict.fromkeys(map(key, entries)))}
    together = sorted(entries, key=lambda entry: order[key(entry)])
    return [(name, list(runs)) for name, runs in groupby(together, key)]


def data_table(findings: Findings) -> Table | None:
    """Return the sources with what was dropped and why; rows that nobody counted are named."""
    heads = ["data", "source", "format", "rows in", "kept", "dropped", "identity"]
    rows = []
    for d in findings.data:
        lost = d.rows_in - d.kept - sum(d.drops.values())
        drops = [*d.drops.items(), ("not accounted for", lost)]
        said = "; ".join(f"{n:,}{numbers.NBSP}× {reason}" for reason, n in drops if n)
        rows.append([d.name, d.source, d.format, numbers.count(d.rows_in), numbers.count(d.kept), said or "none",
                     d.identity or "–"])  # fmt: skip
    return Table(heads, rows, frozenset({3, 4}), _listed_again(findings)) if rows else None


def _listed_again(findings: Findings) -> str:
    """Say why a source has several lines, where one has."""
    names = [d.name for d in findings.data]
    again = list(dict.fromkeys(name for name in names if names.count(name) > 1))
    if not again:
        return ""
    why = "there is a line for every use that leaves other rows: a training or a suite drops what is too long for it"
    return f"Of {listed(again)} {why}."


def training_table(findings: Findings) -> Table | None:
    """Return the trainings, a line per arm (in a chain: per arm and training), and whether all had equally many steps.

    What a training was on stands there where it is known.
    """
    named = phases(findings)
    chained, known = len(named) > 1, any(t.data for t in findings.trainings)
    order = {arm: place for place, arm in enumerate(dict.fromkeys(t.arm for t in findings.trainings))}
    together = sorted(((order[t.arm], name, t) for name, runs in named.items() for t in runs), key=lambda one: one[0])
    rows = []
    for (_, name), grouped in groupby(together, lambda one: one[:2]):
        runs = [run for _, _, run in grouped]
        data = ", ".join(dict.fromkeys(run.data for run in runs if run.data)) or "–"
        rows.append([runs[0].arm, *([name or "–"] if chained else []), *([data] if known else []), *_counted(runs)])
    heads = ["arm", *(["training"] if chained else []), *(["data"] if known else []),
             "seeds", "rows", "tokens", "steps", "time", "final loss"]  # fmt: skip
    numeric = frozenset(range(len(heads) - 5, len(heads)))
    return Table(heads, rows, numeric, " ".join(_same_steps(named))) if rows else None


def _counted(runs: Sequence[TrainingInfo]) -> list[str]:
    counts = [span([getattr(run, name) for run in runs], numbers.count) for name in ("rows", "tokens", "steps")]
    time = span([run.seconds for run in runs], numbers.duration)
    return [seeds(run.seed for run in runs), *counts, time, span([run.final_loss for run in runs], numbers.value)]


def _same_steps(named: Mapping[str, Sequence[TrainingInfo]]) -> Iterator[str]:
    """Say of each kind of training whether its runs were equally long."""
    for name, runs in named.items():
        steps = {run.steps for run in runs}
        if None in steps or len(runs) < 2:
            continue
        of = f" of {name}" if len(named) > 1 else ""
        if len(steps) == 1:
            yield f"All {len(runs)} runs{of} made the same number of steps."
        else:
            unlike = "what looks like an effect of the data may be one of training length"
            yield f"The runs{of} differ in their number of steps: {unlike}."


def prompts(findings: Findings) -> list[Prompt]:
    """Return the sample texts, grouped by suite and prompt in the order they came."""
    by_prompt: dict[tuple[str, str], list[SampleInfo]] = {}
    for sample in findings.samples:
        by_prompt.setdefault((sample.suite, sample.prompt), []).append(sample)
    return [_prompt(suite, prompt, texts) for (suite, prompt), texts in list(by_prompt.items())[:PROMPTS]]


def _prompt(suite: str, prompt: str, texts: Sequence[SampleInfo]) -> Prompt:
    reference = next((sample.reference for sample in texts if sample.reference is not None), None)
    return Prompt(prompt, reference, texts[:ARMS_PER_PROMPT], max(0, len(texts) - ARMS_PER_PROMPT), suite)


def pairs(entries: Iterable[tuple[str, object]], heads: Sequence[str]) -> Table | None:
    """Return names and values as a table of two columns; a value that was not set reads as such."""
    rows = [[str(name), "not set" if value is None else str(value)] for name, value in entries]
    return Table(heads, rows) if rows else None
