"""Rides along in every process of a campaign's run: writes down which stage is begun and made, may bend the clock.

Python imports this by itself where this folder is on PYTHONPATH; the campaign puts it there.
"""

from __future__ import annotations

import functools
import itertools
import os
import time


def _bend_the_clock() -> None:
    """Let ``time.time`` jump back and forth by hours from one call to the next."""
    true, calls = time.time, itertools.count()
    time.time = lambda: true() + (next(calls) * 7919 % 49 - 24) * 3600.0


def _bear_witness(file: str) -> None:
    """Append a line to a file when a stage is begun, and one when its result is in place."""
    from leaven.engine.store import Store

    def seen(name: str) -> None:
        method = getattr(Store, name)

        @functools.wraps(method)
        def noted(self, stage, *more):  # type: ignore[no-untyped-def]
            found = method(self, stage, *more)
            handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            os.write(handle, f"{name} {stage.key} {os.getpid()}\n".encode())
            os.close(handle)
            return found

        setattr(Store, name, noted)

    seen("begin")
    seen("commit")


if "LEAVEN_FAULTS_CLOCK" in os.environ:
    _bend_the_clock()
if "LEAVEN_FAULTS_WITNESS" in os.environ:
    _bear_witness(os.environ["LEAVEN_FAULTS_WITNESS"])
