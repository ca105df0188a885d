"""What is still to be made: which stages can start now, which go together, what a failure blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leaven.engine.stage import Stage, closure


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


class Pending:
    """The stages of a run that have no result yet, in an order in which inputs come first."""

    def __init__(self, stages: Iterable[Stage], targets: Sequence[Stage], outcome: Outcome):
        self.outcome = outcome
        self._targets = targets
        self._open = {stage.key: stage for stage in stages}
        self._readers: dict[str, list[str]] = {}
        self._unmet: dict[str, set[str]] = {}
        self._together: dict[str, dict[str, Stage]] = {}
        for key, stage in self._open.items():
            self._unmet[key] = {one.key for one in stage.inputs.values() if one.key in self._open}
            for below in self._unmet[key]:
                self._readers.setdefault(below, []).append(key)
            if stage.affinity:
                self._together.setdefault(stage.affinity, {})[key] = stage
        self._ready = dict.fromkeys(key for key, unmet in self._unmet.items() if not unmet)
        self._handed: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def all(self) -> list[Stage]:
        """Every stage that is still to be made."""
        return list(self._open.values())

    def is_handed(self, stage: Stage) -> bool:
        """Say whether an executor has a stage."""
        return stage.key in self._handed

    def ready(self) -> list[Stage]:
        """Return the stages that could start now and are in nobody's hands, earliest first."""
        return [self._open[key] for key in self._ready if key not in self._handed]

    def list_from(self, first: Stage) -> list[Stage]:
        """Return a stage and every other of its affinity that is ready then, or within the list."""
        batch = {first.key: first}
        for key, stage in self._together.get(first.affinity, {}).items():
            if key not in self._handed and self._unmet[key] <= batch.keys():
                batch[key] = stage
        return list(batch.values())

    def hand_out(self, batch: Iterable[Stage]) -> None:
        """Note that an executor has these stages."""
        self._handed |= {stage.key for stage in batch}

    def give_back(self, keys: Iterable[str]) -> None:
        """Note that an executor is done with these stages, whatever became of them."""
        self._handed -= set(keys)

    def done(self, key: str) -> None:
        """Note a result; what waited only for it is ready."""
        self.outcome.done.add(key)
        self._close(key)
        for reader in self._readers.get(key, []):
            if reader in self._open:
                self._unmet[reader].discard(key)
                if not self._unmet[reader]:
                    self._ready[reader] = None

    def failed(self, key: str, message: str) -> None:
        """Note a failure: what rests on it is blocked, and what only blocked targets rest on is dropped."""
        self.outcome.failed[key] = message
        self._block(key, self._open[key].title if key in self._open else key)
        useful = {stage.key for stage in closure(one for one in self._targets if not self._is_lost(one.key))}
        for other in [other for other in self._open if other not in useful and other not in self._handed]:
            self._close(other)

    def _block(self, key: str, title: str) -> None:
        self._close(key)
        for reader in self._readers.get(key, []):
            if reader in self._open:
                self.outcome.blocked[reader] = title
                self._block(reader, title)

    def _is_lost(self, key: str) -> bool:
        return key in self.outcome.failed or key in self.outcome.blocked

    def _close(self, key: str) -> None:
        stage = self._open.pop(key, None)
        self._ready.pop(key, None)
        if stage is not None and stage.affinity:
            self._together[stage.affinity].pop(key, None)
