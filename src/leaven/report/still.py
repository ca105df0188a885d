"""Trainings that moved next to nothing: what rests on no difference between their arms rests on nothing learnt."""

from __future__ import annotations

from leaven.report.certainty import is_shown, listed
from leaven.report.findings import Findings
from leaven.report.means import Column, is_primary
from leaven.stats.claims import Verdict

STILL = "moved next to nothing"  # as the warning on a training says it
_OF_NO_CHANGE = {("same", "supported"), ("not higher", "supported"), ("not lower", "supported"),
                 ("higher", "refuted"), ("lower", "refuted")}  # fmt: skip


def trainings(findings: Findings, arm: str) -> int:
    """Return how many of an arm's trainings were warned of as having moved next to nothing."""
    return sum(said.startswith(f"{arm}, seed ") and STILL in said for said in findings.warnings)


def of_claim(findings: Findings, verdict: Verdict) -> str:
    """Say of a verdict that rests on no difference how many of its trainings moved nothing; empty for others."""
    n = sum(trainings(findings, arm) for arm in _arms(findings, verdict))
    if not n or (verdict.claim.holds, verdict.verdict) not in _OF_NO_CHANGE:
        return ""
    return f"but {n} of its trainings {STILL}: nothing was learnt there that could differ"


def cautions(findings: Findings) -> list[str]:
    """Return a sentence on the arms whose claims or "no change" rest on trainings that moved nothing."""
    marked = [verdict for verdict in findings.analyses.verdicts if of_claim(findings, verdict)]
    arms = [arm for verdict in marked for arm in _arms(findings, verdict)]
    for c in findings.comparisons:
        alike = c.equivalent and c.kind == "difference" and c.group is None and not is_shown(c)
        if alike and is_primary(findings, Column(c.suite, c.metric)):
            arms += [c.arm, c.baseline]
    still = {arm: n for arm in dict.fromkeys(arms) if (n := trainings(findings, arm))}
    if not still:
        return []
    n = sum(still.values())
    what = f"{n} training{'' if n == 1 else 's'} of {listed(list(still))} {STILL}"
    return [f"Careful: {what}. That such an arm is no different shows only that nothing was learnt that could differ."]


def _arms(findings: Findings, verdict: Verdict) -> list[str]:
    """Return the arm of a claim and what it is compared with: what it names, else the arm's own baseline."""
    arm, to = verdict.claim.arm, verdict.claim.to
    own = next((c.baseline for c in findings.comparisons if c.arm == arm and c.kind == "difference"), "")
    return [arm, to if to is not None else own or findings.baseline]
