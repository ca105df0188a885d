"""What is wrong with what a study wants shown: tables, a plot, published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaven.errors import did_you_mean
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm
from leaven.study.measured import known_values
from leaven.study.problems import Check
from leaven.study.shown import Shown


def shown(parts: Mapping[str, Any], arms: list[ExpandedArm], check: Check) -> None:
    """Check that every value that is to be shown is measured, and every arm there."""
    wanted: Shown | None = parts.get("report")
    if wanted is None:
        return
    known = {name for name in known_values(parts.get("evaluate", [])) if "/" in name}
    for steps, name in _named(wanted) if known else ():
        if name not in known:
            check.say(("report", *steps), f"nothing measures '{name}'", did_you_mean(name, known))
    names = [arm.name for arm in arms]
    for index, one in enumerate(wanted.published):
        for label, arm in one.arms.items():
            if names and arm not in names:
                check.no_arm(("report", "published", index, "arms", label), arm, names)


def _named(wanted: Shown) -> Iterator[tuple[Steps, str]]:
    """Yield every place that names a measured value as ``suite/metric``."""
    for index, board in enumerate(wanted.boards):
        yield from ((("boards", index, "columns", place), name) for place, name in enumerate(board.columns))
        if board.groups_of is not None:
            yield ("boards", index, "groups_of"), board.groups_of
    if wanted.tradeoff is not None:
        yield ("tradeoff", "gain"), wanted.tradeoff.gain
        yield ("tradeoff", "cost"), wanted.tradeoff.cost
    for index, one in enumerate(wanted.published):
        for place, column in enumerate(one.columns):
            yield ("published", index, "columns", place, "metric"), column.metric
