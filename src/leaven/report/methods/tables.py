"""Ways of aligning as rows: what each arm is, what it brings and what it costs; what guards did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import called, is_shown, listed
from leaven.report.costs import money
from leaven.report.findings import Findings
from leaven.report.listings import NOTHING, Table
from leaven.report.means import Column, is_primary
from leaven.report.methods.found import Methods, RewardedInfo, WayInfo
from leaven.report.text import clip
from leaven.stats.families import names_of

Write = Callable[[WayInfo], str]

_SHOWN = (
    "A star marks a difference to the baseline that is shown. Reads: characters that the model reads for one question,"
    " and how many times the question that is."
)
_COSTS = (
    "Costs are those of one seed, the mean over seeds; what an arm rests on (teachers, reward models, the arm that it"
    " begins as) is counted in its own. A snapshot's are those of its whole training."
)
_PRICED = "Price: all that the model rests on, by the study's prices; labels by people are apart."
_TEXT = 2  # columns that hold words


def ways(findings: Findings) -> Table | None:
    """Return one line per arm: what was done, the primary outcomes against the baseline, and what an answer takes.

    What no arm has is no column.
    """
    known = findings.methods
    if not known.ways:
        return None
    outcomes = _outcomes(findings)
    named = [called(findings, one.suite, one.metric) for one in outcomes]
    takes = _columns(known.ways, [("time to train", _time), ("reads", _reads), ("per 1,000 answers", _answered)])
    heads = ["arm", "way", *named, *takes]
    rows = [
        [one.arm, _way(findings, one), *_measured(findings, one, outcomes), *(cells[at] for cells in takes.values())]
        for at, one in enumerate(known.ways)
    ]
    return Table(heads, rows, frozenset(range(_TEXT, len(heads))), " ".join([_SHOWN, *_shared(findings)]))


def costs(findings: Findings) -> Table | None:
    """Return one line per arm: what its training rests on and took; None where nothing was trained."""
    known = findings.methods
    every = [
        ("rests on", lambda one: listed(list(one.rest_on), 4) or NOTHING),
        ("trainings", lambda one: numbers.count(one.trainings) if one.trainings else NOTHING),
        ("tokens trained", lambda one: numbers.count(one.trained) if one.trained else NOTHING),
        ("tokens sampled before", lambda one: numbers.count(one.sampled) if one.sampled else NOTHING),
        ("time to train", _time),
        ("price", lambda one: money(one.price, known.currency) if one.price else NOTHING),
        ("pairs labelled by people", lambda one: _labelled(known, one)),
    ]
    made = _columns(known.ways, every)
    rows = [[one.arm, *(cells[at] for cells in made.values())] for at, one in enumerate(known.ways)]
    words = 1 + ("rests on" in made)
    note = " ".join([_COSTS, *([_PRICED] if "price" in made else [])])
    return Table(["arm", *made], rows, frozenset(range(words, len(made) + 1)), note) if made else None


def _columns(ways: Sequence[WayInfo], every: Iterable[tuple[str, Write]]) -> dict[str, list[str]]:
    """Return the columns in which any arm has something, by their titles."""
    found = {title: [write(one) for one in ways] for title, write in every}
    return {title: cells for title, cells in found.items() if set(cells) != {NOTHING}}


def _shared(findings: Findings) -> list[str]:
    known = findings.methods
    if not known.shared or not findings.baseline:
        return []
    names, begun = listed(list(known.shared), 4), clip(findings.baseline, 60)
    return [f"What every arm that begins as {begun} has in common ({names}) stands with {begun} alone, and is counted"
            " in the costs of all."]  # fmt: skip


def _way(findings: Findings, one: WayInfo) -> str:
    is_base = one.arm == findings.baseline
    said = ", ".join(one.ways) or "as it is"
    return f"the baseline: {said}" if is_base else said


def _time(one: WayInfo) -> str:
    return numbers.duration(one.seconds) if one.seconds else NOTHING


def _answered(one: WayInfo) -> str:
    return numbers.duration(one.answered) if one.answered else NOTHING


def _labelled(known: Methods, one: WayInfo) -> str:
    if not one.pairs:
        return NOTHING
    price = f" ({money(one.pairs * known.pair, known.currency)})" if known.pair is not None else ""
    return f"{numbers.count(one.pairs)}{price}"


def _reads(one: WayInfo) -> str:
    if not one.read:
        return NOTHING
    times = f" ({one.read / one.bare:.1f}×)" if one.bare and one.read / one.bare >= _LONGER else ""
    return f"{numbers.count(one.read)}{times}"


_LONGER = 1.05  # times the question from which what is read counts as longer


def _outcomes(findings: Findings) -> list[Column]:
    """Return the primary outcomes in the order in which they were declared."""
    every = dict.fromkeys(Column(c.suite, c.metric) for c in findings.comparisons if c.group is None)
    primary = list(findings.primary)

    def place(one: Column) -> int:
        return min(primary.index(name) for name in names_of(one.suite, one.metric) if name in primary)

    return sorted((one for one in every if is_primary(findings, one)), key=place)[:3]


def _measured(findings: Findings, one: WayInfo, outcomes: Iterable[Column]) -> list[str]:
    differences = [c for c in findings.comparisons if c.group is None and c.kind == "difference"]
    return [_outcome(findings, [c for c in differences if (c.suite, c.metric) == column[:2]], one.arm, column)
            for column in outcomes]  # fmt: skip


def _outcome(findings: Findings, of: Sequence[Comparison], arm: str, column: Column) -> str:
    """Write an arm's mean and how far from the baseline; a star where the difference is shown."""
    unit = findings.metric(column.suite, column.metric).unit
    mine = next((c for c in of if c.arm == arm), None)
    if mine is not None and numbers.is_number(mine.mean):
        return f"{numbers.value(mine.mean, unit)} ({numbers.change(mine.effect, unit)}{'*' if is_shown(mine) else ''})"
    base = next((c.baseline_mean for c in of if c.baseline == arm and numbers.is_number(c.baseline_mean)), None)
    return numbers.NOT_MEASURED if base is None else numbers.value(base, unit)


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
    note = "Means of the first and last tenth of the steps; KL is from where the training began, in nats a token."
    return Table(heads, rows, frozenset({2, 3, 4, 5}), note) if rows else None


def _rewarded(one: RewardedInfo) -> list[str]:
    return [one.arm, clip(one.by, 80), numbers.rounded(one.first), numbers.rounded(one.last), numbers.rounded(one.kl),
            numbers.count(one.unscored)]  # fmt: skip
