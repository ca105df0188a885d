"""A run's stages by state as events come in, and how long the rest may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leaven.cli.terminal import amount, duration, printable

if TYPE_CHECKING:
    from leaven.engine.plan import Planned
    from leaven.engine.stage import Stage

Progress = Callable[["Running"], Mapping[str, Any]]


@dataclass(frozen=True)
class Running:
    """A stage at work, and since when (by the tally's clock)."""

    kind: str
    key: str
    title: str
    since: float


@dataclass(frozen=True)
class Left:
    """How long the rest of a run may take; ``least`` where some kinds of stages have no known cost yet."""

    seconds: float
    least: bool


class Tally:
    """Counts what is done, running, failed and waiting; learns from it how long each kind of stage takes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self.total = self.done = self.failed = 0
        self.running: dict[str, Running] = {}
        self._open: dict[str, str] = {}  # key -> kind
        self._readers: dict[str, list[str]] = {}
        self._blocked: set[str] = set()
        self._spent: dict[str, list[float]] = {}
        self._costs: Mapping[str, float] = {}
        self._begun: float | None = None

    def plan(self, planned: Iterable[Planned], costs: Mapping[str, float]) -> None:
        """Take in what there is to do; ``costs`` are the seconds that like stages took before, by key."""
        missing = [one.stage for one in planned if one.state == "run"]
        self._open = {stage.key: stage.kind for stage in missing}
        self._readers = _readers(missing)
        self._costs, self.total = costs, len(missing)

    def note(self, event: Mapping[str, Any]) -> float:
        """Take in an event; returns the seconds that a stage that ended took, 0 for any other."""
        key, kind, now = str(event["key"]), str(event["kind"]), self._clock()
        if key not in self._open and key not in self.running:
            self.total += 1  # found damaged only when its content was compared
        if event["event"] == "start":
            self._begun = now if self._begun is None else self._begun
            self._open[key] = kind
            self.running[key] = Running(kind, key, str(event["title"]), now)
            return 0.0
        self._open.pop(key, None)
        was = self.running.pop(key, None)
        took = now - was.since if was else 0.0
        if event["event"] == "failed":
            self.failed += 1
            self._block(key)
        else:
            self.done += 1
            if was:
                self._spent.setdefault(kind, []).append(took)
        return took

    @property
    def settled(self) -> int:
        """How many stages have ended, one way or another."""
        return self.done + self.failed

    @property
    def blocked(self) -> int:
        """How many stages wait for one that failed."""
        return len(self._blocked)

    @property
    def waiting(self) -> int:
        """How many stages are still to start."""
        return max(0, self.total - self.settled - len(self.running) - self.blocked)

    def elapsed(self, one: Running) -> float:
        """How long a stage has been running."""
        return self._clock() - one.since

    def left(self, progress: Progress) -> Left | None:
        """Estimate how long the rest takes, as far as anything is known of it."""
        running = list(self.running.values())
        known = {one.key: left for one in running if (left := number(progress(one).get("left_s"))) is not None}
        usual = self._usual(running, known)
        rest: list[float | None] = []
        for one in running:
            cost = self._expected(one.key, one.kind, usual)
            rest.append(known.get(one.key, None if cost is None else max(0.0, cost - self.elapsed(one))))
        longest = max((seconds for seconds in rest if seconds is not None), default=0.0)
        for key, kind in list(self._open.items()):
            if key not in self.running and key not in self._blocked:
                rest.append(self._expected(key, kind, usual))
        sure = [seconds for seconds in rest if seconds is not None]
        if not sure:
            return None
        return Left(max(longest, sum(sure) / self._side_by_side()), len(sure) < len(rest))

    def _usual(self, running: Iterable[Running], known: Mapping[str, float]) -> dict[str, float]:
        """Return the mean seconds per kind: of those that ended, else of those that say how much is left."""
        told: dict[str, list[float]] = {}
        for one in running:
            if one.key in known:
                told.setdefault(one.kind, []).append(self.elapsed(one) + known[one.key])
        return {kind: sum(each) / len(each) for kind, each in {**told, **self._spent}.items()}

    def _expected(self, key: str, kind: str, usual: Mapping[str, float]) -> float | None:
        return usual.get(kind, self._costs.get(key))

    def _side_by_side(self) -> float:
        """Return how many stages ran at once on average: what the executor really finds room for."""
        if self._begun is None:
            return 1.0
        working = sum(map(sum, self._spent.values())) + sum(map(self.elapsed, list(self.running.values())))
        return max(1.0, working / max(self._clock() - self._begun, 1e-9))

    def _block(self, key: str) -> None:
        below = [key]
        while below:
            for reader in self._readers.get(below.pop(), []):
                if reader in self._open and reader not in self._blocked:
                    self._blocked.add(reader)
                    below.append(reader)


def _readers(stages: Iterable[Stage]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for stage in stages:
        for below in stage.inputs.values():
            found.setdefault(below.key, []).append(stage.key)
    return found


def number(value: Any) -> float | None:
    """Return a value that is a finite number, None for whatever else a file may hold."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits else None


_RATES = {
    "tokens_per_s": "tok", "rows_per_s": "rows", "sentences_per_s": "sentences", "documents_per_s": "documents",
}  # fmt: skip


def fields(progress: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return what a running stage says of itself, in words: how far, loss, speed, time left; else empty.

    While a server keeps a stage waiting, that stands in place of the time left.
    """
    loss = number(progress.get("loss"))
    rates = ((number(progress.get(name)), unit) for name, unit in _RATES.items())
    return (
        _far(progress),
        "" if loss is None else f"loss {loss:.3g}",
        next((f"{amount(rate)} {unit}/s" for rate, unit in rates if rate is not None), ""),
        _waits(progress) or _left(progress),
    )


def _left(progress: Mapping[str, Any]) -> str:
    left = number(progress.get("left_s"))
    return "" if left is None else f"{duration(max(0.0, left))} left"


def _waits(progress: Mapping[str, Any]) -> str:
    """Return for how long a server has answered nobody, and why; see ``leaven.generate.silence``."""
    silent, wait, status = (number(progress.get(name)) for name in ("silent_s", "wait_s", "status"))
    if silent is None:
        return ""
    if wait is not None:
        return f"server asks to wait {duration(max(0.0, wait))}"
    why = "" if status is None else f" (status {status:.0f})" if status else " (no connection)"
    return f"server silent for {duration(max(0.0, silent))}{why}"


def _far(progress: Mapping[str, Any]) -> str:
    done, total = number(progress.get("done")), number(progress.get("total"))
    if done is None:
        return ""
    unit = printable(str(progress.get("unit", "")))[:20]
    return f"{done:,.0f}{'' if total is None else f'/{total:,.0f}'} {unit}".rstrip()


def told(progress: Mapping[str, Any]) -> list[str]:
    """Return what a running stage says of itself, without what it does not say."""
    return [field for field in fields(progress) if field]
