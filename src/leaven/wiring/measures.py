"""A metric of the registry: the stage that scores by it, and what it measures in the words that a table needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from leaven.engine.stage import Stage
from leaven.evaluate.measure import Measure
from leaven.registry import METRICS, Step
from leaven.wiring.sourcing import Sourcing, stage


def of_metric(step: Step) -> Iterator[Measure]:
    """Yield what a metric measures, and what is printed beside it.

    Of its traits, ``each`` describes single values, and ``groups`` names the argument that says of which groups of
    rows a value is.
    """
    plugin = METRICS.get(step.name)
    says, traits = f"{step.described}. {plugin.says}" if step.args else plugin.says, plugin.traits
    own, of = traits.get("each", {}), traits.get("groups", {})
    declared = plugin.declare(step.args) if of else None
    for name in traits.get("values", (step.name,)):
        groups = tuple(getattr(declared, of[name])) if name in of else ()
        yield Measure(name, own.get(name, says), traits.get("better"), traits.get("unit", "score"), groups=groups)
    for name in traits.get("beside", ()):
        yield Measure(name, says, traits.get("better"), traits.get("unit", "score"), beside=True)


def scored(sourcing: Sourcing, step: Step, read: Mapping[str, Stage], where: str) -> Stage:
    """One metric over what a model told; what it computes with from outside is known by its identity."""
    metric, takes = sourcing.metric(step)
    if "passages" not in METRICS.get(step.name).flows:  # what an arm looked up concerns few metrics
        read = {name: one for name, one in read.items() if name.partition(".")[0] != "passages"}
    together = f"score {where.partition(' ')[0]}"
    return stage("score", {"metric": metric}, dict(read), takes, together=together, where=f"{where} {step.name}")
