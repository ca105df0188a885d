"""What is wrong with a guard's threshold: one that no score is beyond, or every score, blocks nothing or everything."""

from __future__ import annotations

from typing import Any

from leaven.registry import METRICS, Step
from leaven.study.load import Steps
from leaven.study.problems import Check

_SHARE = (0.0, 1.0)


def threshold(step: Step, at: Steps, check: Check) -> None:
    """Check that scores can lie on both sides of a guard's ``above`` or ``below``; its own arguments are sound.

    A share, and an intent's probability, lies in 0..1; of a metric whose unit and ``range`` say nothing all is allowed.
    """
    declared = step.args.get("metric")
    name = "an intent's probability" if declared is None else Step.model_validate(declared).name
    if (ends := _SHARE if declared is None else range_of(name)) is None:
        return
    for side in ("above", "below"):
        if (number := step.args.get(side)) is not None and (blocks := _blocks(side, float(number), ends)):
            said = f"{side} {float(number):g} blocks {blocks}: {name} lies in {ends[0]:g}..{ends[1]:g}"
            check.say((*at, side), said, f"write a number between {ends[0]:g} and {ends[1]:g}")


def range_of(metric: str) -> tuple[float, float] | None:
    """Return the least and the greatest score of a metric; None where it does not say, or there is no such metric."""
    traits: Any = METRICS.get(metric).traits if metric in METRICS.names() else {}
    found: tuple[float, float] | None = traits.get("range", _SHARE if traits.get("unit") == "share" else None)
    return found


def _blocks(side: str, number: float, ends: tuple[float, float]) -> str:
    """Say what a threshold blocks where its two sides are not both there; a guard blocks what is beyond it."""
    low, high = ends
    if number < low or (side == "below" and number == low):
        return "everything" if side == "above" else "nothing"
    if number > high or (side == "above" and number == high):
        return "nothing" if side == "above" else "everything"
    return ""
