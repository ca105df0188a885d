"""Which of a step's arguments are its plug-in's own; what it says of the study is none of the plug-in's business."""

from __future__ import annotations

from typing import Any

from leaven.registry import Step

OF_A_SUITE = ("arms", "control")  # whom it asks, and how
OF_A_TRAINING = ("data", "eval_data", "reward")  # what it reads, and who rewards it
OF_A_JUDGE = ("arm", "people")  # which arm it is, and on whose pairs it is tried


def suites_own(step: Step) -> dict[str, Any]:
    """Return a suite's own arguments."""
    return _without(step, OF_A_SUITE)


def trainings_own(step: Step) -> dict[str, Any]:
    """Return the arguments of a training that its trainer declares."""
    return _without(step, OF_A_TRAINING)


def judges_own(step: Step) -> dict[str, Any]:
    """Return a judge's own arguments."""
    return _without(step, OF_A_JUDGE)


def _without(step: Step, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in step.args.items() if name not in names}
