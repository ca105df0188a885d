"""What tokens do within one model, and what else happens to its texts: one line for each arm and attribute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leaven.comparison import Comparison
from leaven.report import numbers
from leaven.report.certainty import is_shown
from leaven.report.conditioned.asked import attributes, knowing, known_by, suites
from leaven.report.findings import Findings, MetricInfo
from leaven.report.listings import NOTHING, Table, bounds, reading
from leaven.report.means import Column, Means

FLUENCY = "fluency"
_DIVERSITY = ("self_bleu", "rep_", "distinct", "corpus_distinct")  # how metrics of sameness begin
_HEADS = ["arm", "attribute", "good token against another", "95 % interval", "good token against none",
          "95 % interval", "fluency", "its change", "reading"]  # fmt: skip
_NOTE = (
    "Good token against another: P(good | good token) − P(good | another token of the attribute), in the same model and"
    " over all combinations; against none likewise. Intervals and the reading are of the difference to the baseline,"
    " which has 0 here if it knows no token. Fluency is bits per byte under the base: nonsense costs more."
)


def compared(findings: Findings, arm: str, suite: str, metric: str) -> Comparison | None:
    """Return an arm's difference to its baseline in one metric, None where there is none."""
    for c in findings.comparisons:
        if c.kind == "difference" and (c.arm, c.suite, c.metric, c.group) == (arm, suite, metric, None):
            return c
    return None


def effects(findings: Findings, found: Means, suite: str) -> Table | None:
    """Return what the tokens of each attribute do in each arm that knows them; None where nothing was measured."""
    rows = [
        row
        for attribute in attributes(findings, suite)
        for arm in knowing(findings, attribute)
        if (row := _row(findings, found, arm.name, suite, attribute)) is not None
    ]
    return Table(_HEADS, rows, frozenset({2, 3, 4, 5, 6, 7}), _NOTE) if rows else None


def _row(findings: Findings, found: Means, arm: str, suite: str, attribute: str) -> list[str] | None:
    cells: list[str] = []
    for metric in (f"obeys_{attribute}", f"lifts_{attribute}"):
        cells += _size(findings, found, arm, Column(suite, metric))
    if all(cell == NOTHING for cell in cells):
        return None
    mean, c = found.get((arm, Column(suite, FLUENCY))), compared(findings, arm, suite, FLUENCY)
    fluent = numbers.value(mean.value) if mean is not None and mean.value is not None else NOTHING
    change = numbers.change(c.effect) if c is not None and numbers.is_number(c.effect) else NOTHING
    obeys = compared(findings, arm, suite, f"obeys_{attribute}")
    said = reading(findings, obeys) if obeys is not None else "not compared"
    return [arm, attribute, *cells, fluent, change, said]


def _size(findings: Findings, found: Means, arm: str, column: Column) -> list[str]:
    """Return what was measured within the arm's own model, and the interval of its difference to the baseline."""
    mean, c = found.get((arm, column)), compared(findings, arm, column.suite, column.metric)
    unit = findings.metric(column.suite, column.metric).unit
    value = mean.value if mean is not None else c.mean if c is not None else None
    return [
        numbers.change(value, unit) if numbers.is_number(value) else NOTHING,
        (bounds(c.low, c.high, unit) or NOTHING) if c is not None else NOTHING,
    ]


def obeys(findings: Findings, arm: str, suite: str) -> list[str]:
    """Return the attributes whose tokens an arm is shown to follow: by what they do, or by fewer contradictions."""
    made = []
    known = known_by(findings).get(arm, ())
    for attribute in (name for name in attributes(findings, suite) if name in known):
        follows = compared(findings, arm, suite, f"obeys_{attribute}")
        contradicts = compared(findings, arm, suite, f"misalignment_{attribute}")
        more = follows is not None and is_shown(follows) and (follows.effect or 0) > 0
        less = contradicts is not None and is_shown(contradicts) and (contradicts.effect or 0) < 0
        if more or less:
            made.append(attribute)
    return made


def worse(findings: Findings, arm: str, suite: str) -> Iterator[Comparison]:
    """Yield what is shown to be worse in an arm's texts than in the baseline's: fluency, and sameness."""
    for c in findings.comparisons:
        mine = c.kind == "difference" and (c.arm, c.suite, c.group) == (arm, suite, None)
        looked_at = mine and c.metric.startswith((FLUENCY, *_DIVERSITY))
        if looked_at and is_shown(c) and _is_worse(c, findings.metric(c.suite, c.metric)):
            yield c


def _is_worse(c: Comparison, about: MetricInfo) -> bool:
    if about.better not in ("higher", "lower") or not numbers.is_number(c.effect):
        return False
    return (c.effect < 0) == (about.better == "higher") and c.effect != 0


def fluency_compared(findings: Findings) -> Sequence[Comparison]:
    """Return the differences in fluency, of every suite of control tokens."""
    within = suites(findings)
    return [
        c for c in findings.comparisons
        if c.kind == "difference" and c.metric == FLUENCY and c.suite in within and numbers.is_number(c.effect)
    ]  # fmt: skip
