"""When something is asked of a server: how long to wait before it is asked again, and whose turn it is."""

from __future__ import annotations

import asyncio
import email.utils
import math
import random
import time
from collections.abc import Mapping

LONGEST_S = 120.0  # a server that asks for a longer wait is not waited for
_FIRST_S, _MOST_S = 0.5, 8.0


def backoff(who: str, failures: int) -> float:
    """Return the seconds to wait after so many failures: doubled each time, and shortened by up to a half at random.

    The random part belongs to the request and the number of the failure, so that requests which failed together come
    back one by one, and come back alike when a run is repeated.
    """
    whole = min(_FIRST_S * 2.0 ** min(failures - 1, 30), _MOST_S)
    return whole * random.Random(f"{who}/{failures}").uniform(0.5, 1.0)  # noqa: S311 - no secret


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110, 10.2.3: seconds or a date), None if it says nothing."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return max(0.0, date - (time.time() if now is None else now))


class Pace:
    """Lets requests go: not before a server wants them, and never more in a minute than are allowed, evenly spaced."""

    def __init__(self, requests_per_minute: int | None):
        self._apart = 60.0 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0
        self.stopped = asyncio.Event()

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long."""
        self._next = max(self._next, time.monotonic() + seconds)

    async def turn(self) -> None:
        """Wait for a turn; returns at once when all is to stop."""
        while not self.stopped.is_set() and (wait := self._next - time.monotonic()) > 0:
            await self.sleep(wait)
        self._next = max(self._next, time.monotonic()) + self._apart

    async def sleep(self, seconds: float) -> None:
        """Wait for so long, or until all is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopped.wait()
        except TimeoutError:
            return
