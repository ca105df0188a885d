"""How the fake server listens: threads of the standard library, JSON in and out, replies that go wrong on purpose."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Said = tuple[int, Any, dict[str, str]]  # a status, what is said as JSON, and headers
# A path, headers (names in lower case) and a body (None: no JSON) -> what is said, or the name of a failure.
Says = Callable[[str, dict[str, str], Any], Said | str]
_HANGS_S = 600.0
_HALF = b'{"choices": [{"message": {"content": "I wou'


class Listening:
    """A port on the loopback interface that can be closed, with all its connections, and opened again."""

    def __init__(self, says: Says, port: int):
        self.says, self.port, self.closing = says, port, threading.Event()
        self._server: _Server | None = None

    def start(self) -> None:
        """Listen; a port of 0 becomes a free one, and stays it."""
        self.closing.clear()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.listening = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Close the port and whatever is connected to it; nothing to do where it is closed."""
        if self._server is not None:
            server, self._server = self._server, None
            self.closing.set()
            server.shutdown()
            server.server_close()
            server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    listening: Listening

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]):
        self._connected: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connected.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connected.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the game."""

    def hang_up(self) -> None:
        """Close every connection."""
        for one in list(self._connected):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:  # it went first
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write a reply
    server: _Server

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        except ValueError:
            body = None
        self._answer(body)

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = self.server.listening.says(self.path, headers, body)
        if isinstance(said, str):
            self._fail(said)
        elif not self.server.listening.closing.is_set():
            status, content, more = said
            self._send(status, json.dumps(content).encode(), **more)

    def _fail(self, how: str) -> None:
        """Reply as asked for, or not at all, and close the connection."""
        if how == "hang":
            self.server.listening.closing.wait(_HANGS_S)
        elif how == "no_json":
            self._send(200, b"<html>Welcome</html>", **{"content-type": "text/html"})
        elif how == "no_choices":
            self._send(200, b'{"choices": []}')
        elif how == "cut_off":
            self._send(200, _HALF)
        elif how == "torn":
            self._send(200, _HALF, **{"content-length": str(2 * len(_HALF))})
        self.close_connection = True

    def _send(self, status: int, content: bytes, **more: str) -> None:
        self.send_response(status)
        usual = {"content-type": "application/json", "content-length": str(len(content))}
        for name, value in {**usual, **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
