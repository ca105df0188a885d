"""How long a server has answered nobody, in numbers, for whoever watches a stage that waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

EVERY_S = 1.0  # how often somebody who waits for a server says so
NO_CONNECTION = 0  # in place of a status
_QUIET_S = 15.0  # a server that works may take so long over an answer
_FAILING_S = 1.0  # one that fails, or asks to wait, is mentioned from here on


class Report(Protocol):
    """Is told how many are done, of how many; while a server answers nobody also what ``Silence.told`` says."""

    def __call__(self, done: int, total: int, **more: float) -> None:
        """Take it in; ``leaven.progress.Progress`` is one that writes it."""


class Silence:
    """Counts what is asked of a server and when it last dealt with a request; safe to share between threads.

    ``apart``: a server that asks for a wait makes one request wait, not all; an answer to another ends what is told.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, apart: bool = False):
        self._clock, self._lock, self._apart = clock, threading.Lock(), apart
        self._since = self._until = clock()
        self._open = self._fails = 0  # requests on their way, and failures since the server last dealt with one
        self._failing = False
        self._status: int | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Be entered around a request: a server of which nothing is asked is not silent."""
        with self._lock:
            if not self._open and not self._fails:
                self._since = self._clock()
            self._open += 1
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def dealt(self) -> None:
        """Note that the server dealt with a request: answered or refused it."""
        with self._lock:
            self._since, self._fails, self._failing, self._status = self._clock(), 0, False, None
            if self._apart:
                self._until = self._since

    def failed(self, status: int | None) -> None:
        """Note that a request came to nothing: by this status, NO_CONNECTION, or no reply at all.

        One that fails while others are on their way says nothing of the server; more than are on their way do.
        """
        with self._lock:
            self._fails, self._status = self._fails + 1, status
            self._failing = self._failing or self._fails > max(1, self._open)

    def hold(self, seconds: float) -> None:
        """Note that the server asked all to wait so long."""
        with self._lock:
            self._until = max(self._until, self._clock() + seconds)

    def told(self) -> dict[str, float]:
        """Return nothing while somebody is answered, else for how long nobody was (``silent_s``) and why.

        ``wait_s``: seconds that the server still wants to be left alone; ``status``: how it failed last. Without both,
        no reply comes.
        """
        with self._lock:
            now = self._clock()
            silent, wait = now - self._since, self._until - now
            if silent < (_FAILING_S if self._failing or wait > 0 else _QUIET_S):
                return {}
            if wait > 0:
                return {"silent_s": silent, "wait_s": wait}
            if self._fails and self._status is not None:
                return {"silent_s": silent, "status": self._status}
            return {"silent_s": silent} if self._fails or self._open else {}
