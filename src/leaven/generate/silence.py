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
    """Counts what is asked of a server and when it last dealt with a request; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._lock = clock, threading.Lock()
        self._since = self._until = clock()
        self._open = 0
        self._failing = False
        self._status: int | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Be entered around a request: a server of which nothing is asked is not silent."""
        with self._lock:
            if not self._open and not self._failing:
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
            self._since, self._failing, self._status = self._clock(), False, None

    def failed(self, status: int | None) -> None:
        """Note that a request came to nothing: by this status, NO_CONNECTION, or no reply at all."""
        with self._lock:
            self._failing, self._status = True, status

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
            if self._failing and self._status is not None:
                return {"silent_s": silent, "status": self._status}
            return {"silent_s": silent} if self._failing or self._open else {}
