"""Any server that speaks OpenAI's protocol answers, by the official client; nothing that came in is asked for again.

The client's own retries are off, since they know neither a rate nor the other requests: see ``asking``.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from leaven.errors import ModelError
from leaven.generate.asked import Reply, Request
from leaven.generate.asking import Asking, Door, Failed, Refused
from leaven.generate.patience import retry_after
from leaven.generate.replies import Journal, Part, Unreadable, asked_key, complaint, read, several, shown
from leaven.generate.silence import NO_CONNECTION, Report
from leaven.server import Server

if TYPE_CHECKING:
    import openai

_PASSING = (408, 409, 425, 429)  # and all from 500 on
_FOR_ALL = {
    401: "does not accept the key in {env}; put a valid key there",
    402: "wants to be paid; look at the account of the key in {env}",
    403: "refuses '{model}' to the key in {env}; use a key that may ask it",
    404: "has no model '{model}' under this address; correct `model`, or `base_url` (it mostly ends in /v1)",
    405: "takes no chat completions under this address; correct `base_url` (it mostly ends in /v1)",
}
_NO_QUOTA = "has no quota left for the key in {env}; look at its account"
_CONNECT_S = 10.0
_NO_KEY = "none"  # what a server of one's own is shown, which wants none


def ask(
    server: Server, requests: Sequence[Request], journal: Path, report: Report = lambda done, total, **more: None
) -> dict[str, Reply]:
    """Return the reply to every request, by its id, in the order of the requests.

    ``report`` is told how many there are, and while the server answers nobody for how long.

    What came in is kept in the file ``journal``, line by line; a later call with the same file sends only what is
    missing. A request that the server refuses, or that fails more than ``max_retries`` times while others are answered,
    has a reply with a ``reason``, and is asked again by a later call. While the server answers nobody, requests wait
    for up to twice its ``timeout``. Where the server ignores or refuses ``n``, the missing texts are asked for one by
    one.

    Raises ModelError where going on is no use: no package `openai`, no key, a key or model that is not accepted, a
    server that cannot be reached, has gone away or fails request after request. All that came in until then is kept.
    """
    told, keys = Journal(journal), {one.id: asked_key(server.identity, one) for one in requests}
    assert len(keys) == len(requests), "two requests have one id"
    made = {one.id: told.reply(keys[one.id], one) for one in requests if told.count(keys[one.id]) >= several(one)}
    report(len(made), len(requests))

    def done(reply: Reply) -> None:
        made[reply.id] = reply

    def watch(silence: Mapping[str, float]) -> None:
        report(len(made), len(requests), **silence)

    if missing := [one for one in requests if one.id not in made]:
        _run(lambda: _ask(server, missing, lambda door: Asking(door, told, keys, done, watch)))
    return {one.id: made[one.id] for one in requests}


async def _ask(server: Server, missing: list[Request], asking: Callable[[Door], Asking]) -> None:
    async with _client(server) as client:

        async def send(request: Request, got: int, alone: bool) -> Part:
            return await _send(client, server, request, _sampling(request, got, alone))

        await asking(Door(server, _where(client), send)).all(missing)


def _run(asking: Callable[[], Awaitable[None]]) -> None:
    """Run to the end, in a thread of its own where a loop is running already, as in a notebook."""

    async def whole() -> None:
        await asking()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(whole())
        return
    raised: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(whole())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _client(server: Server) -> openai.AsyncOpenAI:
    """Return the official client for a server; a server of one's own needs no key, OpenAI's does."""
    try:
        import openai
    except ImportError:
        raise ModelError("asking a server needs a package that is not there; pip install 'leaven[openai]'") from None
    url = server.base_url or os.environ.get("OPENAI_BASE_URL") or None
    if url is not None and not (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        raise ModelError(f"base_url '{shown(url, 80)}' is no address; write http://host:port/v1")
    key = _key(server)
    if key is None and url is None:
        raise ModelError(f"there is no key for '{server.model}'; set the environment variable {server.api_key_env}")
    # A proxy of the environment cannot reach this machine's own servers.
    mine = url is not None and urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    return openai.AsyncOpenAI(
        api_key=key or _NO_KEY,
        base_url=url,
        max_retries=0,
        timeout=openai.Timeout(None, connect=min(_CONNECT_S, server.timeout)),  # the whole is timed in _send
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if mine else None,
    )


def _key(server: Server) -> str | None:
    """Return the key, which no message and no file ever has; None where there is none."""
    key = os.environ.get(server.api_key_env, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelError(f"what {server.api_key_env} holds is no key: it has characters that no header can carry")
    return key or None


def _sampling(request: Request, got: int, alone: bool) -> dict[str, Any]:
    """Return how the missing texts are drawn: as many at once as the server gives, with a seed of their own."""
    said = {name: value for name, value in request.sampling.items() if name != "n"}
    missing = 1 if alone else several(request) - got
    if got and isinstance(said.get("seed"), int):
        said["seed"] += got  # else the same texts would come again
    return {**said, "n": missing} if missing > 1 else said


async def _send(client: openai.AsyncOpenAI, server: Server, request: Request, sampling: dict[str, Any]) -> Part:
    """Send one HTTP request and read what comes back; raises what ``Door`` says."""
    import openai

    body = {"model": server.model, "messages": request.messages, **sampling}
    try:
        async with asyncio.timeout(server.timeout):
            # Not chat.completions.create: it takes a third of the time for types that a strict reader cannot trust.
            said = await client.post("/chat/completions", cast_to=str, body=body)
        return _read(said or "", client)
    except openai.APIStatusError as error:
        raise _meant(error, client, server) from None
    except TimeoutError:
        raise Failed(f"no answer within {server.timeout:g} s") from None
    except openai.APIConnectionError as error:
        cause = error.__cause__ or error
        said = shown(str(cause), 80) or type(cause).__name__
        raise Failed(f"no connection: {said}", status=NO_CONNECTION) from None


def _meant(error: openai.APIStatusError, client: openai.AsyncOpenAI, server: Server) -> Exception:
    """Return what an error's status means: try again, never with this request, or never with this server."""
    status, said = error.status_code, complaint(_without_key(error.response.text, client))
    for_all = _NO_QUOTA if error.code == "insufficient_quota" else _FOR_ALL.get(status)
    if for_all is not None:
        env = server.api_key_env if _key(server) else f"{server.api_key_env}, which is not set"
        return ModelError(f"{_where(client)} {for_all.format(env=env, model=server.model)} ({status}: {said})")
    if status in _PASSING or status >= 500:
        return Failed(f"{status}: {said}", after=retry_after(error.response.headers), status=status)
    return Refused(f"{status}: {said}")


def _read(text: str, client: openai.AsyncOpenAI) -> Part:
    try:
        return read(text)
    except Unreadable:
        return read(_without_key(text, client))  # raises again, for others to see


def _without_key(text: str, client: openai.AsyncOpenAI) -> str:
    """Return what a server said without the key, which some repeat."""
    return text if client.api_key == _NO_KEY else text.replace(client.api_key, "***")


def _where(client: openai.AsyncOpenAI) -> str:
    """Return a server's name for people: its address without user, password or query."""
    url = client.base_url
    return f"the server {url.scheme}://{url.host}{f':{url.port}' if url.port else ''}{url.path.rstrip('/')}"
