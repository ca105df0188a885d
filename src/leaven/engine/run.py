"""Walk the graph: what is there, what is missing, what failed, what that blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store

OnEvent = Callable[[dict[str, Any]], None]


class Executor(Protocol):
    """Runs a list of stages whose inputs are there or come earlier in the list."""

    def perform(self, stages: Sequence[Stage], store: Store, on_event: OnEvent) -> None:
        """Return when every stage of the list is done, failed, or given up because its process died."""


@dataclass(frozen=True)
class Planned:
    """One stage of a plan: ``state`` is hit, run, or idle (its only readers are hits), and why."""

    stage: Stage
    state: str
    why: str


@dataclass
class Outcome:
    """How a run ended, by stage key."""

    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)  # key -> title of the failed stage it waits for

    @property
    def complete(self) -> bool:
        """Whether nothing failed."""
        return not self.failed


def plan(targets: Iterable[Stage], store: Store, *, deep: bool = False) -> list[Planned]:
    """Say of every stage whether its result is there; ``deep`` compares the content of what will be read."""
    targets = list(targets)
    wanted = {stage.key for stage in targets}
    planned: dict[str, Planned] = {}
    for stage in reversed(closure(targets)):  # readers first: what no missing stage reads is idle
        found = _look(stage, store, deep=deep and stage.key in wanted)
        if stage.key not in wanted:
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
        return Planned(stage, "run", f"the result is damaged: {damage or 'a file is missing or has another size'}")
    failure = store.failure(stage)
    if failure is not None:
        return Planned(stage, "run", f"failed before: {failure.get('message', '')}")
    if store.partial(stage).exists():
        return Planned(stage, "run", "begun before, goes on")
    return Planned(stage, "run", "no result yet")


def run(targets: Sequence[Stage], store: Store, executor: Executor, on_event: OnEvent) -> Outcome:
    """Make every target, what they share once; a failure stops only what rests on it."""
    planned = plan(targets, store, deep=True)
    outcome = Outcome(done={one.stage.key for one in planned if one.state == "hit"})
    pending = {one.stage.key: one.stage for one in planned if one.state == "run"}
    for stage in pending.values():
        _clear(stage, store)

    def note(event: dict[str, Any]) -> None:
        if event["event"] == "done":
            outcome.done.add(event["key"])
        elif event["event"] == "failed":
            outcome.failed[event["key"]] = event["message"]
        on_event({**event, "title": pending[event["key"]].title, "kind": pending[event["key"]].kind})

    while batch := _next_list(_useful(pending, targets, outcome), outcome):
        executor.perform(batch, store, note)
        settled = outcome.done | set(outcome.failed)
        assert any(stage.key in settled for stage in batch), "an executor must settle a stage, or say that it failed"
        _block(pending.values(), outcome)
    return outcome


def _block(pending: Iterable[Stage], outcome: Outcome) -> None:
    """Mark what rests on a failure as blocked; ``pending`` has inputs before what reads them."""
    for stage in pending:
        for source in stage.inputs.values():
            if source.key in outcome.failed:
                outcome.blocked[stage.key] = source.title
            elif source.key in outcome.blocked:
                outcome.blocked[stage.key] = outcome.blocked[source.key]


def _useful(pending: dict[str, Stage], targets: Sequence[Stage], outcome: Outcome) -> dict[str, Stage]:
    """Leave out what only blocked targets rest on: a training whose prompts failed would be for nothing."""
    if not outcome.blocked:
        return pending
    wanted = {stage.key for stage in closure(target for target in targets if target.key not in outcome.blocked)}
    return {key: stage for key, stage in pending.items() if key in wanted}


def _next_list(pending: dict[str, Stage], outcome: Outcome) -> list[Stage]:
    """Return the first ready stage and every other of its affinity that is ready then or within the list."""
    batch: list[Stage] = []
    ready = set(outcome.done)
    for stage in pending.values():
        if stage.key in outcome.done or stage.key in outcome.failed or stage.key in outcome.blocked:
            continue
        if batch and stage.affinity != batch[0].affinity:
            continue
        if all(source.key in ready for source in stage.inputs.values()):
            batch.append(stage)
            ready.add(stage.key)
    return batch


def _clear(stage: Stage, store: Store) -> None:
    """Discard a damaged result, unless somebody else is at work on it."""
    if store.folder(stage).exists() and store.damage(stage) is not None:
        with store.lock(stage):
            if store.damage(stage) is not None:
                store.discard(stage)
