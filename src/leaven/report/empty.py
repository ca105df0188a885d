"""Which values tell nothing of an arm: all items have one value, or a constant answer would have reached it."""

from __future__ import annotations

import math

from leaven.report.findings import Findings
from leaven.report.means import Column, Mean, Means
from leaven.stats.coherence import Degenerate

PREDICTED = "accuracy"  # what a finding in predictions stands under
_ACCURACIES = ("acc", "acc_norm", "exact_match")  # what a suite may call it
_CLOSE = 1e-9


def tells_nothing(findings: Findings, found: Means, arm: str, column: Column) -> Degenerate | None:
    """Return why an arm's value in a column tells nothing, or None where it does.

    What was found in predictions stands under ``accuracy``; it is meant for the suite's column of that very value.
    """
    if column.group is not None:
        return None
    value = found.get((arm, column), Mean()).value
    for one in findings.analyses.degenerate:
        if (one.arm, one.suite) != (arm, column.suite):
            continue
        alike = value is not None and math.isclose(one.value, value, abs_tol=_CLOSE)
        if one.metric == column.metric or (one.metric == PREDICTED and column.metric in _ACCURACIES and alike):
            return one
    return None


def is_coincidence(one: Degenerate) -> bool:
    """Say whether a constant would only have been right as often: answers that vary often hit that by chance."""
    return one.metric == PREDICTED and not one.constant
