"""What a metric of the registry measures, in the words that a table needs."""

from __future__ import annotations

from collections.abc import Iterator

from leaven.evaluate.measure import Measure
from leaven.registry import METRICS, Step


def of_metric(step: Step) -> Iterator[Measure]:
    """Yield what a metric measures, and what is printed beside it."""
    plugin = METRICS.get(step.name)
    says, traits = f"{step.described}. {plugin.says}" if step.args else plugin.says, plugin.traits
    for name in traits.get("values", (step.name,)):
        yield Measure(name, says, traits.get("better"), traits.get("unit", "score"))
    for name in traits.get("beside", ()):
        yield Measure(name, says, traits.get("better"), traits.get("unit", "score"), beside=True)
