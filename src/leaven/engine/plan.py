"""What there is to do, and why: every stage of a study against what the store has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from leaven.engine.machine import Machine
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store


@dataclass(frozen=True)
class Planned:
    """One stage of a plan, and why it is in its ``state``.

    ``hit``: there. ``run``: to be made. ``idle``: not there, and nobody reads it. ``blocked``: it cannot be made here.
    """

    stage: Stage
    state: str
    why: str


def plan(targets: Iterable[Stage], store: Store, *, deep: bool = False) -> list[Planned]:
    """Say of every stage whether its result is there; ``deep`` compares the content of what will be read."""
    targets = list(targets)
    wanted = {stage.key for stage in targets}
    planned: dict[str, Planned] = {}
    for stage in reversed(closure(targets)):  # readers first: what no missing stage reads is idle
        found = _look(stage, store, deep=deep and stage.key in wanted)
        if stage.key not in wanted and not (found.state == "run" and store.folder(stage).exists()):
            # Nobody reads it any more. One that is there and damaged is made again: an answer reads records, too.
            found = Planned(stage, "idle", "what is made from it is there")
        planned[stage.key] = found
        if found.state == "run":
            wanted |= {source.key for source in stage.inputs.values()}
    return list(reversed(planned.values()))


def _look(stage: Stage, store: Store, *, deep: bool) -> Planned:
    damage = store.damage(stage) if deep else None
    if damage is None and store.record(stage) is not None:
        return Planned(stage, "hit", "the result is there")
    if damage is not None or store.folder(stage).exists():
        return Planned(
            stage, "run", f"the result is damaged: {damage or 'its record or a file of it is missing or was changed'}"
        )
    failure = store.failure(stage)
    if failure is not None:
        return Planned(stage, "run", f"failed before: {failure.get('message', '')}")
    if store.partial(stage).exists():
        return Planned(stage, "run", "begun before, goes on")
    return Planned(stage, "run", "no result yet")


def on(machine: Machine, planned: Iterable[Planned]) -> list[Planned]:
    """Mark as blocked what cannot fit this machine, and what rests on that."""
    marked: dict[str, Planned] = {}
    for one in planned:
        said = misfit(one.stage, machine) if one.state == "run" else None
        rests_on = next((marked[below.key] for below in one.stage.inputs.values() if _is_blocked(below, marked)), None)
        if said is None and rests_on is not None and one.state == "run":
            said = f"rests on {rests_on.stage.title}"
        marked[one.stage.key] = one if said is None else replace(one, state="blocked", why=said)
    return list(marked.values())


def _is_blocked(stage: Stage, marked: dict[str, Planned]) -> bool:
    return stage.key in marked and marked[stage.key].state == "blocked"


def misfit(stage: Stage, machine: Machine) -> str | None:
    """Say that a stage cannot fit this machine, and which knob makes it smaller; None if it may fit.

    Only what is certain counts: weights, gradients, the optimiser's state. Estimates can be wrong, and do not refuse.
    """
    least, place, size = stage.needs.least_mb, "main memory", machine.memory_mb
    if stage.needs.gpu and machine.gpus:
        sizes = [gpu.memory_mb for gpu in machine.gpus]
        if None in sizes:
            return None
        fitting = sum if stage.needs.gpus == "all" else max
        place, size = "GPU memory", fitting(one for one in sizes if one is not None)
    if least is None or least <= size:
        return None
    knobs = f"; {stage.needs.knobs}" if stage.needs.knobs else ""
    return f"needs at least {_size(least)} of {place}, and {_size(size)} may be used{knobs}"


def _size(mebibytes: int) -> str:
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes} MiB"
