"""What is wrong with a guard: what it learns from, who is asked the rows that made it, and the metric it goes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leaven.registry import Step
from leaven.study.load import Steps
from leaven.study.matrix import ExpandedArm, asks
from leaven.study.measured import makes, silent
from leaven.study.one_value import one_value
from leaven.study.overlapping import may_overlap
from leaven.study.problems import Check
from leaven.study.thresholds import threshold

_APART = "keep them apart: by `part`, say, or `held_out_from`"


def guarded(parts: Mapping[str, Any], arm: ExpandedArm, step: Step, at: Steps, check: Check) -> None:
    """Check an arm's guard, whose own arguments are sound: nothing is reported of the rows by which it is made."""
    fitted, settled = (step.args.get("intents") or {}).get("data"), step.args.get("validation")
    for name, place in ((fitted, (*at, "intents", "data")), (settled, (*at, "validation"))):
        _unasked(parts, arm, name, place, check)
    if fitted is not None and settled is not None and may_overlap(parts.get("data", {}), fitted, settled):
        rows = f"'{settled}'" if fitted == settled else f"'{settled}', which may share rows with '{fitted}',"
        said = f"{rows} fits the guard and sets its threshold, which then blocks more than it says"
        check.say((*at, "validation"), said, _APART)
    if fitted is not None:
        _learned(parts, str(fitted), step.args.get("on", ["prompt"]), (*at, "intents", "data"), check)
    if step.args.get("metric") is not None:
        _scored(step, at, check)
    threshold(step, at, check)


def _unasked(parts: Mapping[str, Any], arm: ExpandedArm, name: Any, at: Steps, check: Check) -> None:
    """Check that no suite asks this arm rows that made its guard."""
    for suite, other in _asked(parts, arm, name):
        said = f"the guard is made by '{name}', which the suite {suite} asks as well"
        if other != name:
            said = f"the guard is made by '{name}', and '{other}', which the suite {suite} asks, may share rows with it"
        check.say(at, said, _APART)


def _asked(parts: Mapping[str, Any], arm: ExpandedArm, name: Any) -> Iterator[tuple[str, str]]:
    """Yield each suite that asks this arm data in which rows of the named one may stand, and what that is called."""
    declared = parts.get("data", {})
    for suite in parts.get("evaluate", []):
        for role in ("prompts", "data"):
            other = suite.args.get(role)
            if isinstance(other, str) and name is not None and asks(suite, arm) and may_overlap(declared, name, other):
                yield str(suite.args.get("name") or suite.name), other


def _learned(parts: Mapping[str, Any], name: str, on: list[str], at: Steps, check: Check) -> None:
    """Check that intents are learned from what the guard looks at: from answers where it reads answers."""
    if "answer" not in on:
        return
    if silent(parts, name):
        said = f"'{name}' has prompts alone, and a guard on the answer learns from answers"
        check.say(at, said, "name data with answers, or guard the prompt")
    elif "prompt" in on and makes(parts.get("data", {}), name) not in (None, "texts"):
        said = f"rows of '{name}' have a prompt and an answer, and one guard learns from one of them"
        check.say(at, said, "declare two guards, one `on: [prompt]` and one `on: [answer]`")


def _scored(step: Step, at: Steps, check: Check) -> None:
    """Check that the metric that a guard goes by reads what the guard has, and says on which side it is bad."""
    places = step.args.get("on", ["prompt"])
    given, metric = {"texts", *(["prompts"] if "answer" in places else [])}, Step.model_validate(step.args["metric"])
    whose = f"a guard on the {' and '.join(places)} has the text alone"
    plugin = one_value(metric, step.args.get("value"), given, at, check, whose=whose)
    set_by_rows = step.args.get("validation") is not None and step.args.get("side") is None
    if plugin is not None and set_by_rows and plugin.traits.get("better") is None:
        said = f"nobody knows which values of {metric.name} are bad"
        check.say((*at, "metric"), said, "write `side: above` or `side: below`")
