"""The live page's server: on 127.0.0.1 alone, without an account, and deaf to everything but GET and HEAD.

``/`` is the report of what is there by now, ``/state.json`` what the run is doing. A request whose Host is not this
server is refused: a foreign page cannot reach it under a name of its own (DNS rebinding).
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from leaven import workspace as workspaces
from leaven.errors import LeavenError, ReportError
from leaven.live.state import state

HOST = "127.0.0.1"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def serve(run: str | Path, workspace: Path, *, port: int = 0, open: bool = False, say: Callable[[str], None]) -> None:
    """Serve a run's live page until Ctrl-C; raises ReportError where there is no such run, or the port is taken."""
    folder = workspaces.run_folder(run, workspace)
    try:
        server = made(folder, port)
    except OSError as error:
        raise ReportError(
            f"port {port} of {HOST} cannot be had ({error.strerror}); give another --port, or 0"
        ) from None
    address = f"http://{HOST}:{server.server_port}/"
    say(f"live: {address} (on this machine alone; Ctrl-C ends it)")
    if open:
        import webbrowser

        webbrowser.open(address)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("ended")


def made(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a run's folder, bound and not yet serving."""
    page = _Page(folder)

    server = _Server({"/": page.html, "/state.json": page.state}, port)
    server.daemon_threads = True
    return server


class _Page:
    """A run's report, made anew only when there are other results than last time, or the run began or ended."""

    def __init__(self, folder: Path):
        self._folder, self._store = folder, workspaces.store(folder.parent)
        self._made: tuple[int, bool] | None = None
        self._shown, self._one_at_a_time = b"", threading.Lock()

    def state(self) -> tuple[str, bytes]:
        return "application/json", json.dumps(state(self._folder, self._store)).encode()

    def html(self) -> tuple[str, bytes]:
        with self._one_at_a_time:
            now = state(self._folder, self._store)
            there = now["made"], now["at_work"]
            if there != self._made:
                self._shown, self._made = self._rendered(), there
            return "text/html; charset=utf-8", self._shown

    def _rendered(self) -> bytes:
        from leaven.answered import findings
        from leaven.report.page import render

        return render(findings(self._folder, self._folder.parent), live=True).encode()


class _Server(ThreadingHTTPServer):
    def __init__(self, answers: Mapping[str, Callable[[], tuple[str, bytes]]], port: int):
        self.answers = answers
        super().__init__((HOST, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that went away before it had its answer; whatever else it is, as always."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "leaven", ""

    def do_HEAD(self) -> None:
        self.do_GET()  # its head alone: see `_send`

    def do_GET(self) -> None:
        here = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{here}", f"localhost:{here}"):
            return self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its own name alone")
        answer = self.server.answers.get(self.path)
        if answer is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "there is / and /state.json")
        try:
            kind, body = answer()
        except LeavenError as error:
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return self._send(HTTPStatus.OK, kind, body)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, "text/plain; charset=utf-8", why.encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: whoever serves has the terminal."""
