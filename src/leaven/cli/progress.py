"""How a run is shown while it is at work: plain lines for a log, a live view for a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leaven.cli.estimate import Running, Tally, fields, told
from leaven.cli.terminal import columns, console, count, duration, printable

if TYPE_CHECKING:
    from rich.console import Console, Group

    from leaven.engine.plan import Planned
    from leaven.engine.store import Store

_BRIEF_S = 0.5
_EVERY_S = 60.0
_NAMED = 4
_LOG_LINES = 5
_TIMES_A_SECOND = 4


def watching(where: str, store: Store) -> Lines:
    """Return what shows a run: live on a terminal, else line by line."""
    out = console()
    live = sys.stdout.isatty() and not out.is_dumb_terminal
    return Live(where, store) if live else Lines(where, store, out)


class Lines:
    """Prints a line for each stage that took its time, for each that failed, and now and then for what still runs.

    It is entered around a run; after it is left, nothing more is printed.
    """

    def __init__(self, where: str, store: Store, out: Console, every_s: float = _EVERY_S):
        self._where, self._store, self._out, self._every_s = where, store, out, every_s
        self._tally = Tally()
        self._over = threading.Event()
        self._speaking = threading.Lock()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Lines:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ticker.join()

    def plan(self, planned: list[Planned], replaces: bool) -> None:
        """Say how much there is to do, and whether another study's answer is replaced."""
        if replaces:
            self._print("another study of this name ran here: its answer is replaced, its results stay")
        self._tally.plan(planned, self._costs(planned))
        self._print(f"{self._where}: {count(self._tally.total, 'stage')} to run")

    def __call__(self, event: dict[str, Any]) -> None:
        """Take in an event of the run."""
        took = self._tally.note(event)
        if event["event"] == "start":
            return
        if event["event"] == "failed":
            self._say(event, f"failed: {event['message']}")
            self._print(*_log(self._store, event))
        elif event.get("reused"):
            self._say(event, "made by another run meanwhile")
        elif self._is_worth_a_line(took):
            self._say(event, duration(took))

    def _is_worth_a_line(self, took: float) -> bool:
        return took >= _BRIEF_S or self._tally.settled == self._tally.total

    def _costs(self, planned: list[Planned]) -> dict[str, float]:
        """Return what like stages took before, by key: only a view that estimates needs it."""
        return {}

    def _say(self, event: Mapping[str, Any], said: str) -> None:
        width = len(str(self._tally.total))
        self._print(f"[{self._tally.settled:>{width}}/{self._tally.total}] {event['title']}  {said}")

    def _print(self, *lines: str) -> None:
        with self._speaking:
            for line in lines:
                self._out.print(printable(line), soft_wrap=True)

    def _tick(self) -> None:
        while not self._over.wait(self._every_s):
            if self._tally.running:
                self._print(f"still running: {self._at_work()}")

    def _at_work(self) -> str:
        running = list(self._tally.running.values())
        named = [f"{one.title} ({self._far(one)})" for one in running[:_NAMED]]
        return ", ".join(named) + (f" and {len(running) - _NAMED} more" if len(running) > _NAMED else "")

    def _far(self, one: Running) -> str:
        return ", ".join([f"for {duration(self._tally.elapsed(one))}", *told(self._store.progress(one))])


class Live(Lines):
    """Keeps counts, running stages and the time left at the foot of a terminal; failures stay above."""

    def __init__(self, where: str, store: Store):
        from rich.console import Console
        from rich.live import Live as View

        super().__init__(where, store, Console(emoji=False, highlight=False, markup=False))
        self._planned = False
        self._view = View(
            console=self._out, get_renderable=self._shown, refresh_per_second=_TIMES_A_SECOND, transient=True
        )

    def __enter__(self) -> Lines:
        self._entered = time.monotonic()
        self._view.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._view.stop()
        if self._tally.total:
            self._print(f"{self._settled()} in {duration(time.monotonic() - self._entered)}")

    def plan(self, planned: list[Planned], replaces: bool) -> None:
        """Say how much there is to do; what like stages took before says how long it may take."""
        super().plan(planned, replaces)
        self._planned = True

    def _costs(self, planned: list[Planned]) -> dict[str, float]:
        from leaven.engine.nearest import explain

        explained = explain(planned, self._store)
        return {one.planned.stage.key: one.cost["wall_s"] for one in explained if "wall_s" in one.cost}

    def _is_worth_a_line(self, took: float) -> bool:
        return False

    def _shown(self) -> Group:
        """Return the counts, and a line for each running stage, cut off at its end where the terminal is narrow."""
        from rich.console import Group
        from rich.text import Text

        rows = columns([self._row(one) for one in list(self._tally.running.values())])
        running = [Text(f"  {row}", no_wrap=True, overflow="ellipsis") for row in rows]
        return Group(Text(self._counts(), style="bold"), *running)

    def _row(self, one: Running) -> tuple[str, ...]:
        """Return title, time so far, and what the stage says of itself; what matters least last."""
        far, loss, rate, left = fields(self._store.progress(one))
        return printable(one.title), duration(self._tally.elapsed(one)), far, left, loss, rate

    def _counts(self) -> str:
        tally = self._tally
        if not self._planned:
            return "looking at what is there"
        if tally.settled + tally.blocked >= tally.total:
            return f"{self._settled()}; making the answer"
        if not tally.settled and not tally.running:
            return f"{self._settled()}; starting the first"
        parts = [self._settled(), f"{len(tally.running)} running"]
        parts += [f"{tally.blocked} blocked"] if tally.blocked else []
        return ", ".join([*parts, f"{tally.waiting} waiting"]) + self._left()

    def _settled(self) -> str:
        failed = f", {self._tally.failed} failed" if self._tally.failed else ""
        return f"{self._tally.done} of {count(self._tally.total, 'stage')} done{failed}"

    def _left(self) -> str:
        left = self._tally.left(self._store.progress)
        if left is None:
            return ""
        return f"; {'at least' if left.least else 'about'} {duration(left.seconds)} left"


def _log(store: Store, event: Mapping[str, Any]) -> list[str]:
    """Return the last lines of a failed stage's log, less those that only repeat the message."""
    failed = Running(str(event["kind"]), str(event["key"]), str(event["title"]), 0.0)
    lines = (store.failure(failed) or {}).get("last_lines") or []
    kept = [str(line) for line in lines if line.strip() and str(event["message"]) not in line]
    return [f"    | {line}" for line in kept[-_LOG_LINES:]]
