"""What a reader of control tokens should be careful of, in plain sentences; each is said only where it is true."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from leaven.report import numbers
from leaven.report.certainty import certainty, listed, outcome, unit_of
from leaven.report.conditioned import balance
from leaven.report.conditioned.asked import has_judge, known_by, suites
from leaven.report.conditioned.effects import FLUENCY, fluency_compared, obeys, worse
from leaven.report.findings import Findings, LabelInfo
from leaven.report.text import clip

RARE = 0.05  # of the texts: a class with less is learnt from little
_SEEDS = 3  # with fewer nothing is shown of an arm
CLOSE = 0.25  # of the scores: so many beside a threshold are not told apart by it
TOGETHER = 0.3  # phi, from which on what one token does may be partly the other's


def scorers(findings: Findings) -> list[str]:
    """Say of each attribute who judges the texts, and that a scorer which labelled the training is no neutral judge."""
    names = list(dict.fromkeys(one.attribute for one in findings.obeyed))
    said = [_judged(findings, name) for name in names if has_judge(findings, name)]
    alone = [name for name in names if not has_judge(findings, name)]
    if alone:
        by = listed(list(dict.fromkeys(one.scorer for one in findings.obeyed if one.attribute in alone)))
        said.append(
            f"Circular: of {listed(alone, 6)} only the scorer that labelled the training ({by}) says what a text is."
            " A model may have learnt that scorer's quirks and not the attribute; an independent judge would tell."
        )
    return said


def _judged(findings: Findings, name: str) -> str:
    of = [one for one in findings.obeyed if one.attribute == name]
    judge = next(one.scorer for one in of if one.judge)
    labelled = next((one.scorer for one in of if not one.judge), None)
    other = f"; by {clip(labelled, 80)}, which labelled the training, beside it" if labelled else ""
    return f"Whether a text is as {clip(name, 60)} asks is judged by {clip(judge, 80)}, which did not label{other}."


def broken(findings: Findings) -> list[str]:
    """Flag the arms that obey while their texts are shown to be worse, and say where nobody looked."""
    if not fluency_compared(findings):
        why = "an arm that obeys by writing nonsense would not be seen"
        return [f"Fluency was not compared, so {why}."] if findings.obeyed else []
    flags = [said for suite in suites(findings) for arm in findings.arms for said in _broken(findings, arm.name, suite)]
    if flags:
        return flags
    fluent = list(dict.fromkeys(
        arm.name for suite in suites(findings) for arm in findings.arms if obeys(findings, arm.name, suite)
    ))  # fmt: skip
    if not fluent and any(arm.attributes for arm in findings.arms):
        if any(c.metric.startswith("obeys_") and (c.n_seeds or 0) >= _SEEDS for c in findings.comparisons):
            return ["No arm is shown to follow any of its tokens."]
        return ["Whether an arm follows its tokens was not tested: that takes three seeds."]
    unlike = "which is not the same as being as fluent"
    shown = "is shown to write less fluently or more alike than its baseline"
    return [f"Of the arms that obey ({listed(fluent, 6)}) none {shown}, {unlike}."] if fluent else []


def _broken(findings: Findings, arm: str, suite: str) -> Iterator[str]:
    followed, found = obeys(findings, arm, suite), list(worse(findings, arm, suite))
    if not followed or not found:
        return
    how = "; ".join(
        f"{outcome(findings, c)} {numbers.change(c.effect, unit_of(findings, c))} ({certainty(findings, c)})"
        for c in found
    )
    against = clip(found[0].baseline, 60)
    said = f"Careful: {clip(arm, 60)} obeys {listed(followed, 6)}, but its texts are shown to be worse than those of "
    untrained = _untrained(findings, found[0].baseline)
    strange = any(c.metric == FLUENCY for c in found)
    by = "writing what is hardly language" if strange else "saying little that differs"
    yield f"{said}{against}: {how}. It may obey by {by}.{untrained}"


def _untrained(findings: Findings, baseline: str) -> str:
    """Say that an untrained baseline writes as the base does, so that any training looks less fluent."""
    if not findings.trainings or any(one.arm == baseline for one in findings.trainings):
        return ""
    return f" {clip(baseline, 60)} was not trained: any training makes texts less expected to the base than its own."


def rare(findings: Findings) -> list[str]:
    """Name the classes that less than one text in twenty has, once for all the arms that have them so."""
    found: dict[tuple[str, str], tuple[list[str], list[float]]] = {}
    trained = known_by(findings)
    for (arm, attribute), classes in balance.by_class(findings).items():
        if attribute not in trained.get(arm, ()):
            continue  # it trains on good texts alone, without tokens
        for word, share in balance.shares_of(classes).items():
            if share < RARE and word not in ("neutral", "unscored"):
                arms, low = found.setdefault((attribute, word), ([], []))
                arms.append(arm)
                low.append(share)
    return [
        f"Of {clip(attribute, 60)}, {clip(word, 60)} is {_least(low)} of the texts in {listed(arms)}: "
        "there is little to learn it from, and what is asked by it may fail for that alone."
        for (attribute, word), (arms, low) in found.items()
    ]  # fmt: skip


def _least(shares: Sequence[float]) -> str:
    low, high = (numbers.value(x, "share") for x in (min(shares), max(shares)))
    return low if low == high else f"{low} to {high}"


def together(findings: Findings) -> list[str]:
    """Name the attributes whose labels go together, by the strongest correlation that any run has."""
    strongest: dict[tuple[str, str], float] = {}
    for one, other, phi in itertools.chain.from_iterable(run.phi for run in findings.balances):
        if numbers.is_number(phi) and abs(phi) >= abs(strongest.get((one, other), 0.0)):
            strongest[one, other] = phi
    return [
        f"The labels of {clip(one, 60)} and {clip(other, 60)} go together (phi {balance.written(phi)}): what one's "
        "token does may be partly the other's."
        for (one, other), phi in strongest.items()
        if abs(phi) >= TOGETHER
    ]


def close(findings: Findings) -> list[str]:
    """Name the labels that hang on a hair: many scores fall into the histogram's bar that a threshold cuts."""
    found = ((one, threshold, _at(one, threshold)) for one in findings.labels for threshold in one.thresholds)
    return [
        f"Of {clip(one.attribute, 60)} in {clip(one.data, 60)}, {numbers.value(share, 'share')} of the scores are close"
        f" to the threshold {numbers.dose(threshold)} (in the bar of the histogram that it cuts): their class hangs on"
        " a hair, and a neutral class would keep them apart."
        for one, threshold, share in found
        if share >= CLOSE and None not in one.tokens
    ]


def _at(one: LabelInfo, threshold: float) -> float:
    """Return the share of the scores in the bar that holds a threshold."""
    bars = zip(itertools.pairwise(one.edges), one.counts, strict=False)
    return sum(count for (left, right), count in bars if left < threshold <= right) / max(1, sum(one.counts))


def bare(findings: Findings) -> list[str]:
    """Name the suites that ask for nothing: there an arm with tokens shows what it does when no token is given."""
    if not findings.bare:
        return []
    asks = "asks" if len(findings.bare) == 1 else "ask"
    names = listed([clip(name, 60) for name in findings.bare], 6)
    return [
        f"{names} {asks} arms that were trained with tokens without giving any: what tokens do there is not measured"
        " (where a suite can ask with them, its `control` says so)."
    ]


def doubts(findings: Findings) -> list[str]:
    """Return everything to be careful of, most serious first."""
    every = (broken, scorers, rare, close, together, bare)
    return [said for one in every for said in one(findings)]
