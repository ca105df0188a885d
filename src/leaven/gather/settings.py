"""The trainings' effective configurations, defaults included: what all arms share, and what they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaven.registry import TRAINERS, Step
from leaven.study.matrix import ExpandedArm, expand
from leaven.study.own import trainings_own
from leaven.study.spec import Study


def settings(study: Study) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return what all arms that are trained share, by dotted name; and name -> arm -> value where they differ.

    A training's settings are compared among the arms that train so (``lm.``, and of a chain ``sft.1.``): that others
    do not is no difference in a setting. What an arm does not set at all is absent from its side.
    """
    arms = {arm.name: _of(study, arm) for arm in expand(study) if arm.train}
    if not arms:
        return _model(study, {}), {}
    names = list(dict.fromkeys(name for one in arms.values() for name in one))
    shared: dict[str, Any] = {}
    differing: dict[str, dict[str, Any]] = {}
    for name in names:
        by_arm = {arm: one[name] for arm, one in arms.items() if name in one}
        values, those = list(by_arm.values()), [arm for arm, one in arms.items() if f"{_step(name)}.data" in one]
        if len(by_arm) == len(those or arms) and all(value == values[0] for value in values):
            shared[name] = values[0]
        else:
            differing[name] = by_arm
    return shared, differing


def _step(name: str) -> str:
    """Return whose setting a dotted name is: ``sft``, ``sft.1`` of a chain, ``model``."""
    first, *rest = name.split(".")
    return f"{first}.{rest[0]}" if rest and rest[0].isdigit() else first


def _of(study: Study, arm: ExpandedArm) -> dict[str, Any]:
    flat = _model(study, arm.model)
    for index, step in enumerate(arm.train):
        name = f"{step.name}{f'.{index}' if index else ''}"
        flat |= dict(_flat({"data": step.args.get("data"), **_declared(step)}, name))
    return flat


def _model(study: Study, own: Mapping[str, Any]) -> dict[str, Any]:
    whole = {**study.model.model_dump(), **own}
    return {f"model.{name}": value for name, value in whole.items() if value is not None}


def _declared(step: Step) -> dict[str, Any]:
    return TRAINERS.get(step.name).declare(trainings_own(step)).model_dump()


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{prefix}.{name}")
    else:
        yield prefix, value
