"""Make what is missing: keep the executor full, note what happens, stop only what rests on a failure."""

from __future__ import annotations

import contextlib
import fnmatch
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from leaven.engine.pending import Outcome, Pending
from leaven.engine.plan import plan
from leaven.engine.stage import Stage, closure
from leaven.engine.store import Store
from leaven.errors import StageError, StoreError

OnEvent = Callable[[dict[str, Any]], None]
_LOOK_S = 0.25  # how often a stage that another run has in hand is looked at
_TICK_S = 0.5


class Executor(Protocol):
    """Runs lists of stages whose inputs are there or come earlier in the list, several lists at once."""

    def takes(self, stages: Sequence[Stage]) -> bool:
        """Say whether there is room for a list now."""

    def start(self, stages: Sequence[Stage], store: Store) -> None:
        """Begin a list."""

    def wait(self, timeout: float) -> list[dict[str, Any]]:
        """Return events: ``start``, ``done``, ``failed``, ``busy`` (another run has it), ``trouble`` (the disk), and
        ``left`` with the ``keys`` of a list that is over."""

    def close(self) -> None:
        """End whatever runs."""


def run(targets: Sequence[Stage], store: Store, executor: Executor, on_event: OnEvent) -> Outcome:
    """Make every target, what they share once; a failure stops only what rests on it.

    Raises StoreError when the disk or the workspace is the trouble: that is no arm's failure, and nothing else would
    go better. The executor is closed in any case.
    """
    store.open()
    planned = plan(targets, store, deep=True)
    outcome = Outcome(done={one.stage.key for one in planned if one.state == "hit"})
    missing = [one.stage for one in planned if one.state == "run"]
    for stage in missing:
        _clear(stage, store)
    walk = _Walk(Pending(missing, targets, outcome), store, on_event)
    try:
        while walk.pending:
            walk.fill(executor)
            for event in executor.wait(walk.patience()):
                walk.note(event)
    finally:
        executor.close()
    return outcome


class _Walk:
    """A run under way: what is pending, and which stages another run has in hand until when."""

    def __init__(self, pending: Pending, store: Store, on_event: OnEvent):
        self.pending, self._store, self._on_event = pending, store, on_event
        self._titles = {stage.key: (stage.title, stage.kind) for stage in pending.all}
        self._elsewhere: dict[str, float] = {}

    def fill(self, executor: Executor) -> None:
        """Start every list that there is room for."""
        refused: set[tuple[object, ...]] = set()  # sizes that found no room just now
        for stage in self.pending.ready():
            size = (stage.needs.cores, stage.needs.gpu, stage.needs.gpus, stage.needs.memory_mb)
            if size in refused or self.pending.is_handed(stage) or not self._is_ours(stage):
                continue
            batch = self.pending.list_from(stage)
            if executor.takes(batch):
                executor.start(batch, self._store)
                self.pending.hand_out(batch)
            else:
                refused.add(size)

    def patience(self) -> float:
        """How long to wait for news: a short while if another run is at work on what we wait for."""
        return _LOOK_S if self._elsewhere else _TICK_S

    def _is_ours(self, stage: Stage) -> bool:
        """Say whether a stage can be started here; what another run makes is looked at now and then."""
        until = self._elsewhere.get(stage.key)
        if until is not None and time.monotonic() < until:
            return False
        if self._store.running(stage):
            self._elsewhere[stage.key] = time.monotonic() + _LOOK_S
            return False
        self._elsewhere.pop(stage.key, None)
        if until is not None and self._store.record(stage) is not None:
            self.note({"event": "done", "key": stage.key, "reused": True})
            return False
        return True

    def note(self, event: dict[str, Any]) -> None:
        """Take in what happened, and pass it on."""
        what, key = event["event"], event["key"]
        if what == "trouble":
            raise StoreError(event["message"])
        if what == "left":
            self.pending.give_back(event["keys"])
            return
        if what == "busy":
            self._elsewhere[key] = time.monotonic() + _LOOK_S
            return
        if what == "done":
            self.pending.done(key)
        elif what == "failed":
            self.pending.failed(key, event["message"])
        title, kind = self._titles[key]
        self._on_event({**event, "title": title, "kind": kind})


def named(targets: Iterable[Stage], wanted: Sequence[str]) -> list[Stage]:
    """Return the stages named by title, kind or key (with * and ?), and all that rests on them, inputs first.

    Raises StageError for a word that names no stage.
    """
    stages = closure(targets)
    for word in wanted:
        if not any(_named(stage, word) for stage in stages):
            raise StageError(
                f"no stage of this study is called '{word}'; `leaven status RUN --all` lists their names and keys"
            )
    found: dict[str, Stage] = {}
    for stage in stages:  # inputs come first
        rests_on_one = any(below.key in found for below in stage.inputs.values())
        if rests_on_one or any(_named(stage, word) for word in wanted):
            found[stage.key] = stage
    return list(found.values())


def again(stages: Sequence[Stage], store: Store) -> None:
    """Discard results, so that they are made anew: all of them, or (with a StageError) none while one is being made."""
    from filelock import Timeout

    with contextlib.ExitStack() as held:
        for stage in stages:
            try:
                held.enter_context(store.lock(stage).acquire(timeout=_LOOK_S))
            except Timeout as error:
                raise StageError(f"{stage.title} is being made by another run; wait for it or stop it") from error
        for stage in reversed(stages):
            store.forget(stage)


def _named(stage: Stage, word: str) -> bool:
    is_key = len(word) >= 6 and stage.key.startswith(word)
    return is_key or any(fnmatch.fnmatchcase(name, word) for name in (stage.title, stage.kind))


def _clear(stage: Stage, store: Store) -> None:
    """Discard a damaged result, unless somebody else is at work on it."""
    from filelock import Timeout

    if store.folder(stage).exists() and store.damage(stage) is not None:
        try:
            with store.lock(stage).acquire(timeout=_LOOK_S):
                if store.damage(stage) is not None:
                    store.discard(stage)
        except Timeout:  # they discard it themselves, and we wait for theirs
            return
