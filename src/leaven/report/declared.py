"""What was written down before the results: the claims with their verdicts, and the lock that proves when."""

from __future__ import annotations

from leaven.report import numbers, still
from leaven.report.certainty import unit_named
from leaven.report.findings import Findings
from leaven.report.listings import NOTHING, Table
from leaven.stats.claims import Claim, Verdict


def claims(findings: Findings) -> Table | None:
    """Return the claims with their verdicts, or None where nothing was claimed."""
    heads = ["claim", "verdict", "contrast", "effect", "90 % interval", "corrected p", "seeds", "declared"]
    rows = [_claim_row(findings, verdict) for verdict in findings.analyses.verdicts]
    note = "Corrected by Holm's method over all claims; the p-value is of the one-sided test that the verdict rests on."
    return Table(heads, rows, frozenset({3, 4, 5, 6}), note) if rows else None


def _claim_row(findings: Findings, verdict: Verdict) -> list[str]:
    unit = unit_named(findings, verdict.claim.metric)
    return [
        verdict.claim.says,
        "; ".join(filter(None, [verdict.verdict, still.of_claim(findings, verdict), verdict.note])),
        _contrast(verdict.claim, unit),
        NOTHING if verdict.effect is None and verdict.p is not None else numbers.change(verdict.effect, unit),
        numbers.interval(verdict.low90, verdict.high90, unit) or NOTHING,
        numbers.p_value(verdict.p_holm),
        str(verdict.n_seeds),
        _when(findings, verdict),
    ]


def _contrast(claim: Claim, unit: str) -> str:
    group = f" ({claim.group})" if claim.group else ""
    if claim.holds == "unequal":
        return f"{claim.metric} of {claim.arm} unequal between groups against {claim.to or 'its baseline'}"
    size = numbers.size(claim.margin, unit)
    by = {"higher": f" by more than {size}", "lower": f" by more than {size}"}.get(claim.holds, f" within {size}")
    by = "" if claim.margin == 0 and claim.holds in ("higher", "lower") else by
    return f"{claim.metric}{group} of {claim.arm} {claim.holds}{by} against {claim.to or 'its baseline'}"


def _when(findings: Findings, verdict: Verdict) -> str:
    if not verdict.locked:
        return "exploratory: not locked before results"
    return "locked before results" if findings.lock is not None and findings.lock.before_results else "not locked"


def lock(findings: Findings) -> str | None:
    """Say when what is compared was locked; None without a lock. What changed since is a caution (`cautions`)."""
    made = findings.lock
    if made is None:
        return None
    before = "before" if made.before_results else "after"
    return f"Locked {made.written}, {before} results existed (sha256 {made.sha256[:12]})."
