"""A classifier's word corrected by people's labels: prediction-powered inference."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmError:
    """How often the classifier errs in one arm, from the labelled answers; shares with 95 % (Wilson) intervals."""

    arm: str
    labelled: int
    false_positive: float | None
    false_positive_low: float | None
    false_positive_high: float | None
    false_negative: float | None
    false_negative_low: float | None
    false_negative_high: float | None
    auc: float | None  # of the classifier's score against the labels; null without both kinds of label


@dataclass(frozen=True)
class Corrected:
    """An arm's effect on what people see, not on what the classifier sees.

    ``naive`` is the classifier's own difference; ``effect`` the corrected one with its 95 % interval.
    """

    arm: str
    baseline: str
    suite: str
    metric: str
    naive: float | None
    effect: float | None
    low: float | None
    high: float | None
    labelled: int
    errors: tuple[ArmError, ...]
    note: str | None = None
