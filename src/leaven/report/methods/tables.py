"""Ways of aligning as rows: what each arm is, what it brings and what it costs; what guards did."""

from __future__ import annotations

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import called, is_shown
from leaven.report.findings import Findings
from leaven.report.listings import NOTHING, Table
from leaven.report.means import Column, is_primary
from leaven.report.methods.found import RewardedInfo, WayInfo
from leaven.report.text import clip

_COSTS = (
    "Costs are those of one seed, the mean over seeds; teachers and reward models that an arm needs are counted in its"
    " own. Reads: characters that the model reads for one question, and how many times the question that is."
)


def ways(findings: Findings) -> Table | None:
    """Return one line per arm: what was done, the primary outcomes against the baseline, and what it cost."""
    if not findings.methods.ways:
        return None
    outcomes = _outcomes(findings)
    named = [called(findings, one.suite, one.metric) for one in outcomes]
    heads = ["arm", "way", *named, "trainings", "tokens trained", "tokens sampled", "time to train", "reads",
             "per 1,000 answers"]  # fmt: skip
    rows = [_row(findings, one, outcomes) for one in findings.methods.ways]
    return Table(heads, rows, frozenset(range(2, len(heads))), _COSTS)


def _outcomes(findings: Findings) -> list[Column]:
    every = dict.fromkeys(Column(c.suite, c.metric) for c in findings.comparisons if c.group is None)
    return [one for one in every if is_primary(findings, one)][:3]


def _row(findings: Findings, one: WayInfo, outcomes: list[Column]) -> list[str]:
    against = {
        (c.suite, c.metric): c
        for c in findings.comparisons
        if c.arm == one.arm and c.group is None and c.kind == "difference"
    }
    times = f" ({one.read / one.bare:.1f}×)" if one.read and one.bare and one.read / one.bare >= 1.05 else ""
    return [
        one.arm,
        ", ".join(one.ways) or "as it is",
        *(_outcome(findings, against.get((column.suite, column.metric)), column) for column in outcomes),
        numbers.count(one.trainings) if one.trainings else NOTHING,
        numbers.count(one.trained) if one.trained else NOTHING,
        numbers.count(one.sampled) if one.sampled else NOTHING,
        numbers.duration(one.seconds) if one.seconds else NOTHING,
        f"{numbers.count(one.read)}{times}" if one.read else NOTHING,
        numbers.duration(one.answered) if one.answered else NOTHING,
    ]


def _outcome(findings: Findings, c: Comparison | None, column: Column) -> str:
    """Write an arm's mean and how far from the baseline; a star where the difference is shown."""
    unit = findings.metric(column.suite, column.metric).unit
    if c is None or not numbers.is_number(c.mean):
        return "baseline" if c is None else numbers.NOT_MEASURED
    return f"{numbers.value(c.mean, unit)} ({numbers.change(c.effect, unit)}{'*' if is_shown(c) else ''})"


def guards(findings: Findings) -> Table | None:
    """Return what each guard of each arm blocked, suite by suite."""
    heads = ["arm", "suite", "guard", "looked at", "blocked", "share", "unscored"]
    rows = [
        [one.arm, one.suite, clip(one.guard, 60), numbers.count(one.looked), numbers.count(one.blocked),
         numbers.value(one.blocked / one.looked if one.looked else None, "share"), numbers.count(one.unscored)]
        for one in findings.methods.guards
    ]  # fmt: skip
    note = "How many harmless prompts a guard blocks stands among the metrics, as false_block."
    return Table(heads, rows, frozenset({3, 4, 5, 6}), note) if rows else None


def rewarded(findings: Findings) -> Table | None:
    """Return what each training by rewards made of its reward."""
    heads = ["arm", "rewarded by", "reward at the start", "at the end", "KL at the end", "answers without reward"]
    rows = [_rewarded(one) for one in findings.methods.rewarded]
    note = "Means of the first and last tenth of the steps; KL is from where the training began, in nats an answer."
    return Table(heads, rows, frozenset({2, 3, 4, 5}), note) if rows else None


def _rewarded(one: RewardedInfo) -> list[str]:
    return [one.arm, clip(one.by, 80), numbers.rounded(one.first), numbers.rounded(one.last), numbers.rounded(one.kl),
            numbers.count(one.unscored)]  # fmt: skip
