"""What is wrong with a metric that gives one number to one text: what labels, guards and rewards go by."""

from __future__ import annotations

from collections.abc import Collection

from leaven.errors import did_you_mean
from leaven.registry import METRICS, Plugin, Step
from leaven.study.load import Steps
from leaven.study.measured import metric_values
from leaven.study.problems import Check


def one_value(
    metric: Step, value: str | None, given: Collection[str], at: Steps, check: Check, *, whose: str
) -> Plugin | None:
    """Check that a metric reads what is given of each text alone, and that one of its values is meant.

    ``at`` is where ``metric`` and ``value`` stand, ``whose`` says what is given, in words. Returns the sound metric.
    """
    before, plugin = len(check.found), check.plugin(METRICS, metric, (*at, "metric"))
    if plugin is None:
        return None
    values = metric_values(metric)
    if lacking := sorted(set(plugin.flows) - set(given)):
        said = f"{metric.name} reads {', '.join(lacking)}, and {whose}"
        check.say((*at, "metric"), said, "name a metric of texts")
    elif plugin.traits.get("of_list"):
        said = f"{metric.name} gives several texts one number, and one text none"
        check.say((*at, "metric"), said, "name a metric of single texts")
    elif value is None and len(values) > 1 and metric.name not in values:
        check.say((*at, "metric"), f"{metric.name} gives {', '.join(values)}", "say which by `value`")
    elif value is not None and value not in values:
        check.say((*at, "value"), f"{metric.name} gives no '{value}'", did_you_mean(value, values))
    return plugin if len(check.found) == before else None
