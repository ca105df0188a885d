"""Many requests in flight: when each is sent, sent again or given up. Knows no protocol; ``send`` does.

Each request waits by itself between its retries, the whole crowd waits together when the server asks for it, and a
server that is away is told from a request that it does not bear.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from leaven.errors import ModelError
from leaven.generate.asked import Reply, Request
from leaven.generate.patience import LONGEST_S, Pace, backoff
from leaven.generate.replies import Journal, Part, Unreadable, several
from leaven.generate.silence import EVERY_S, NO_CONNECTION, Silence
from leaven.server import Server

_IN_A_ROW = 32  # failures without a reply between them, after which nobody waits for the rest


class Failed(Exception):
    """A request came to nothing this time.

    ``after``: the seconds that the server asks to wait. ``status``: what it said, NO_CONNECTION, or None: nothing.
    """

    def __init__(self, reason: str, *, after: float | None = None, status: int | None = None):
        super().__init__(reason)
        self.after, self.status = after, status

    @property
    def unreachable(self) -> bool:
        """Whether there was nobody to ask."""
        return self.status == NO_CONNECTION


class Refused(Exception):
    """The server will never answer this request as it stands."""


@dataclass(frozen=True)
class Door:
    """A way to a server: ``send`` takes a request, how many of its texts are there, and whether to ask for one alone.

    It raises Failed, Refused, Unreadable, or ModelError where no request will get through. ``where`` names the server
    for people.
    """

    server: Server
    where: str
    send: Callable[[Request, int, bool], Awaitable[Part]]


class Asking:
    """Requests on their way through one door; ``done`` is called with every reply, answered or given up.

    ``watch`` is called with what ``Silence.told`` says: after every reply, and once a second while nobody is answered.
    """

    def __init__(
        self,
        door: Door,
        told: Journal,
        keys: Mapping[str, str],
        done: Callable[[Reply], None],
        watch: Callable[[Mapping[str, float]], None],
    ):
        self.door, self.server, self.told, self.keys, self.done = door, door.server, told, keys, done
        self.watch, self.silence = watch, Silence()
        self.pace = Pace(self.server.requests_per_minute)
        self.stop: ModelError | None = None
        self.heard: float | None = None  # when the server last dealt with a request
        self.in_a_row = 0  # requests that were given up since
        self.refusal, self.as_often = "", 0  # the last one, and how often in a row it was the same
        self.one_by_one = False  # the server refuses n

    async def all(self, missing: list[Request]) -> None:
        """Ask all; where it is no use to go on, let those in flight come home, then raise ModelError."""
        waiting, watching = iter(missing), asyncio.create_task(self._watching())
        try:
            await asyncio.gather(*(self._some(waiting) for _ in missing[: self.server.max_concurrency]))
        finally:
            watching.cancel()
            (ended,) = await asyncio.gather(watching, return_exceptions=True)
        if self.stop is not None:
            raise self.stop
        if not isinstance(ended, asyncio.CancelledError):
            raise ended

    async def _watching(self) -> NoReturn:
        """Tell of silence until it is cancelled; what goes wrong in it stops all."""
        before: Mapping[str, float] = {}
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                now = self.silence.told()
                if now or before:
                    self.watch(now)
                before = now
        except Exception:
            self.pace.stopped.set()
            raise

    async def _some(self, waiting: Iterator[Request]) -> None:
        for request in waiting:
            try:
                reply = await self._one(request)
            except ModelError as error:
                self.stop = self.stop or error
                self.pace.stopped.set()
                return
            if self.pace.stopped.is_set():
                return
            self.done(reply)
            self.watch(self.silence.told())

    async def _one(self, request: Request) -> Reply:
        """Ask until there are as many texts as are wanted, or no more are to be had."""
        key, failures, before, alone = self.keys[request.id], 0, 0.0, self.one_by_one
        while (got := self.told.count(key)) < several(request):
            await self.pace.turn()
            if self.pace.stopped.is_set():
                break
            try:
                part = await self._sent(request, got, alone)
            except Unreadable as error:
                return self._given_up(request, str(error))
            except Refused as error:
                self._is_there()
                if alone or several(request) == 1:
                    return self._refused(request, str(error))
                alone = True  # perhaps it is `n` that the server refuses
            except Failed as failed:
                failures += 1
                if self._is_enough(failed, failures, before):
                    return self._given_up(request, f"{failed}" + (f", {failures} times" if failures > 1 else ""))
                before = time.monotonic()
                await self._wait(failed, key, failures)
            else:
                self.told.add(key, request, part)
                self._is_there()
                failures, self.one_by_one = 0, alone
        return self.told.reply(key, request)

    async def _sent(self, request: Request, got: int, alone: bool) -> Part:
        """Send a request, and note whether the server dealt with it."""
        try:
            with self.silence.asking():
                part = await self.door.send(request, got, alone)
        except Failed as failed:
            self.silence.failed(failed.status)
            raise
        except (Unreadable, Refused):
            self.silence.dealt()
            raise
        self.silence.dealt()
        return part

    def _is_there(self) -> None:
        self.heard, self.in_a_row = time.monotonic(), 0

    def _is_enough(self, failed: Failed, failures: int, before: float) -> bool:
        """Say whether a request is given up, which failed the last time ``before``.

        While others are answered it is the request's own trouble. While nobody is, it waits for the server, twice its
        time-out; raises ModelError when the server cannot be reached for so long, or never could be.
        """
        retries, silent = self.server.max_retries, time.monotonic() - (self.heard or 0.0)
        if failed.after is not None and failed.after > LONGEST_S:
            return True
        if failures <= retries:
            return False
        if self.heard is not None:
            if retries == 0 or self.heard > before:
                return True
            if silent < 2 * self.server.timeout:
                return False
        if failed.unreachable:
            raise ModelError(f"{self.door.where} {self._gone} ({failed})")
        return True

    @property
    def _gone(self) -> str:
        if self.heard is None:
            return "cannot be reached; start it, or correct `base_url`"
        return f"has gone away; {self.told.texts} answers are kept: start it and run again, none of them is asked again"

    def _refused(self, request: Request, reason: str) -> Reply:
        """Return the reply to a request that the server refuses; raises ModelError when it refuses all, and alike."""
        self.as_often = self.as_often + 1 if reason == self.refusal else 1
        self.refusal = reason
        if self.as_often >= self._most_in_a_row and not self.told.parts:
            raise ModelError(f"{self.door.where} refuses every request; correct what is asked of it ({reason})")
        return self.told.reply(self.keys[request.id], request, reason)

    @property
    def _most_in_a_row(self) -> int:
        return max(_IN_A_ROW, 2 * self.server.max_concurrency)

    def _given_up(self, request: Request, reason: str) -> Reply:
        """Return the reply to a request that came to nothing; raises ModelError when nothing else comes either."""
        self.in_a_row += 1
        if self.in_a_row >= self._most_in_a_row:
            kept = f"{self.told.texts} answers are kept; look at the server and run again"
            raise ModelError(
                f"{self.door.where} failed {self.in_a_row} requests in a row, the last with: {reason}. {kept}"
            )
        return replace(self.told.reply(self.keys[request.id], request, reason), passing=True)

    async def _wait(self, failed: Failed, key: str, failures: int) -> None:
        """Wait before a request is sent again; where the server named a time, everybody does."""
        seconds = backoff(key, failures)
        if failed.after is not None:
            self.pace.hold(failed.after)
            self.silence.hold(failed.after)
            seconds = failed.after + seconds / 10  # not all at the same moment
        await self.pace.sleep(seconds)
