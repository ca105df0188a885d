"""The answer in plain sentences, made from the primary comparisons alone.

Each sentence says which way, how much, over which doses, how sure. "No change" is written only where equivalence
within the margin was shown; that no change was *shown* is another sentence. One seed names no winner, two seeds
claim nothing about the recipe. What holds for all of it is said once.
"""

from __future__ import annotations

from collections.abc import Sequence

from leaven.comparison import Comparison, is_trend
from leaven.report import cautions, instrument, numbers
from leaven.report.between_arms import between_arms, outside_sweeps
from leaven.report.certainty import ALPHA, certainty, few_seeds, is_shown, listed, outcome, unit_of
from leaven.report.findings import Findings
from leaven.report.fitted import NOT_TRAINED
from leaven.report.means import Column, Means, is_primary, means
from leaven.report.over_doses import NOT_THE_SAME, over_doses
from leaven.report.text import clip
from leaven.stats.families import names_of


def answer(findings: Findings, found: Means | None = None) -> list[str]:
    """Return the answer: a paragraph per primary outcome, then what was tolerated, claimed, and what to be careful of.

    The last is one sentence on the A/A arm, if there is one.
    """
    found = means(findings.measurements) if found is None else found
    primary = declared(findings)
    said = [_outcome(findings, found, column, primary) for column in _columns_of(findings, primary)]
    lines = _said_once(said, primary) + _without_comparison(findings, primary)
    beside = [*cautions.tolerated(findings), *cautions.claims(findings)]
    beside += [*cautions.cautions(findings), *instrument.at_floor(findings, found)]
    return [*(lines or [_no_answer(findings)]), *_alone(primary), *beside, *_replicate(findings)]


def _alone(primary: Sequence[Comparison]) -> list[str]:
    """Say why an interval may leave out 0 where no change is shown: it is not corrected for the other tests."""
    tested = [c for c in primary if numbers.is_number(c.p)]
    apart = [c for c in tested if not is_shown(c) and c.n_seeds not in (1, 2) and _leaves_out_0(c)]
    if not apart or len(tested) == 1:
        return []
    return [f"An interval is of one comparison alone; a change counts as shown only after the correction for all"
            f" {len(tested)} primary tests."]  # fmt: skip


def _leaves_out_0(c: Comparison) -> bool:
    return numbers.is_number(c.low) and numbers.is_number(c.high) and (c.low > 0 or c.high < 0)


def declared(findings: Findings) -> list[Comparison]:
    """Return the comparisons of declared primary outcomes: their trends and interactions, else their differences.

    Those that were declared after results are exploratory, and the answer says so.
    """
    columns = {Column(c.suite, c.metric) for c in findings.comparisons if c.group is None}
    chosen = {column for column in columns if is_primary(findings, column)}
    of = [c for c in findings.comparisons if c.group is None and Column(c.suite, c.metric) in chosen]
    return [c for c in of if c.kind != "difference"] or of


def _no_answer(findings: Findings) -> str:
    late = findings.lock is not None and not findings.lock.before_results
    why = "declared what it compares when results were there" if late else "declares no primary outcome"
    said = f"This study {why}" if findings.is_study or late else "No primary outcome was named here"
    return f"{said}, so no answer is claimed. All that follows is exploratory."


def _columns_of(findings: Findings, comparisons: Sequence[Comparison]) -> list[Column]:
    every = dict.fromkeys(Column(c.suite, c.metric, c.group) for c in comparisons)
    order = {name: place for place, name in enumerate(findings.primary)}
    return sorted(every, key=lambda column: min(order.get(name, len(order)) for name in names_of(*column[:2])))


def _without_comparison(findings: Findings, primary: Sequence[Comparison]) -> list[str]:
    compared = {name for c in primary for name in names_of(c.suite, c.metric)}
    absent = [name for name in findings.primary if name not in compared]
    return [f"Nothing can be said about {listed(absent)}: no comparison was made."] if absent else []


def _outcome(findings: Findings, found: Means, column: Column, primary: Sequence[Comparison]) -> list[str]:
    """Return the sentences of one primary outcome: its trends, its contrasts, its interactions."""
    replicates = {arm.name for arm in findings.arms if findings.is_replicate(arm)}
    here = [c for c in primary if Column(c.suite, c.metric, c.group) == column]
    contrasts = [c for c in here if c.kind == "difference" and c.arm not in replicates]
    parts = over_doses(findings, found, [c for c in here if is_trend(c)])
    parts += between_arms(findings, contrasts) if contrasts else outside_sweeps(findings, column)
    parts += [part for c in here if c.kind == "interaction" for part in _interaction(findings, c)]
    return parts or [f"Nothing can be said about {outcome(findings, here[0])}: only the A/A arm was compared."]


def _interaction(findings: Findings, c: Comparison) -> list[str]:
    """Say whether two doses do more, or less, together than each on its own."""
    name = f"the doses of {clip(c.arm, 60)}"
    if not numbers.is_number(c.effect):
        return []
    if c.n_seeds in (1, 2):
        return []
    size, sure = f"{numbers.change(c.effect, unit_of(findings, c))} per unit of both", certainty(findings, c)
    if is_shown(c):
        against = "against the sum of what each does alone"
        return [f"Together {name} change {outcome(findings, c)} by {size}, {against} ({sure})."]
    unlike = f"do more or less to {outcome(findings, c)} together than their sum"
    return [f"That {name} {unlike} was not shown ({size}; {sure})."]


def _said_once(said: Sequence[Sequence[str]], primary: Sequence[Comparison]) -> list[str]:
    """Return one line per outcome; a sentence that would stand in several places stands once, at the end.

    Of the doses that are missing only those are that no trend can have: what failed is said in each place.
    """
    every = [part for parts in said for part in parts]
    absent = {part for part in every if part.endswith(f"{NOT_TRAINED}.")}
    closings = {NOT_THE_SAME, *map(few_seeds, primary), *absent}
    compared = {c.n_seeds for c in primary if numbers.is_number(c.effect)}
    anywhere = {NOT_THE_SAME, *absent}
    again = {part for part in closings if every.count(part) > 1 and (part in anywhere or len(compared) == 1)}
    lines = [" ".join(_closed_once([part for part in parts if part not in again], closings)) for parts in said]
    ends = [part for part in dict.fromkeys(every) if part in again and part != NOT_THE_SAME]
    ends += ["That no change was shown is not the same as no change."] if NOT_THE_SAME in again else []
    if len(lines) == 1:
        return [" ".join([*lines, *ends])]
    return [*lines, " ".join(ends)] if ends else lines


def _closed_once(parts: Sequence[str], closings: set[str]) -> list[str]:
    """Return a line's parts, each closing once; all else stays beside its arm, for two arms' tests may read alike."""
    return [part for place, part in enumerate(parts) if part not in closings or part not in parts[:place]]


# The A/A arm


def _replicate(findings: Findings) -> list[str]:
    """Return a sentence on the arms that differ from the baseline in their seeds alone."""
    replicates = [arm.name for arm in findings.arms if findings.is_replicate(arm)]
    if not replicates:
        return []
    compared = [c for c in findings.comparisons if c.arm in replicates and c.group is None and c.kind == "difference"]
    primary = [c for c in compared if is_primary(findings, Column(c.suite, c.metric))]
    enough = [c for c in primary or compared if numbers.is_number(c.effect) and c.n_seeds not in (1, 2)]
    tested = [(c, c.p) for c in enough if numbers.is_number(c.p)]
    one = len(replicates) == 1
    who = f"he A/A arm {clip(replicates[0], 60)}" if one else f"he {len(replicates)} A/A arms"
    if not tested:
        return [f"T{who} could not be tested against the baseline, so the instrument is unchecked here."]
    worst, p = min(tested, key=lambda pair: pair[1])
    size = numbers.change(worst.effect, unit_of(findings, worst))
    chosen = f", the smallest of {len(tested)}" if len(tested) > 1 else ""
    how = f"{size} in {outcome(findings, worst)} ({numbers.p_phrase(p)}{chosen})"
    # The alarm looks at several outcomes, so it is corrected for their number: else it cries wolf.
    if p * len(tested) < ALPHA:
        differs = f"{'differs' if one else 'differ'} from the baseline by"
        only = "though nothing but the seeds changed"
        return [f"Warning: t{who} {differs} {how}, {only}. Other differences on this page may be as empty."]
    alike = f"{'does' if one else 'do'} not detectably differ from the baseline"
    return [f"T{who} {alike}, as it should be where nothing but the seeds changed: {how}."]
